"""The machine: look at it (facts), decide what is missing (plan), change it (apply)."""
