"""Previews in, scores and events out."""
