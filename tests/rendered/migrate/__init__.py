"""The migration kit of a rendered project, on real databases."""
