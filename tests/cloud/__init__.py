"""Tests of the cloud, on a real PostgreSQL."""
