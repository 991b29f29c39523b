"""Tests of `app.commands`."""
