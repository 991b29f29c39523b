"""Profiles: staff records, each with a headshot."""
