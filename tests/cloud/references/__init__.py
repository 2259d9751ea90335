"""Tests of the reference seizures."""
