"""Tests of `app.modules`."""
