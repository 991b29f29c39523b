"""Tests of the Postman collection."""
