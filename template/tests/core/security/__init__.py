"""Tests of `app.core.security`."""
