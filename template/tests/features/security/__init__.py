"""Tests of `app.features.security`."""
