"""Headstart: a head start for a Python backend, and for the person who works on it."""

__version__ = "0.9.0"
