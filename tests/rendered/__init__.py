"""What the template renders, proven as its user would: its own gates, and its real processes."""
