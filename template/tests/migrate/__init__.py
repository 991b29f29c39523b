"""The migration kit's own decisions, and what it builds on."""
