"""Tests of the languages that Headstart speaks."""
