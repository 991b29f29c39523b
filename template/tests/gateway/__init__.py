"""Tests of what gateways are told."""
