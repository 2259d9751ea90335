"""Tests of the wishes for spans of the beds' rings."""
