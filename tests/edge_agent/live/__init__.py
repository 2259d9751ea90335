"""Tests of the live view at the bed."""
