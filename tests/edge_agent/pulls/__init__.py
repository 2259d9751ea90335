"""Tests of the pulls at the bed."""
