"""Projects: rendering them from the template, and regenerating them when it moves on."""
