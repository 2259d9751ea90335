"""Tests of shared.codec."""
