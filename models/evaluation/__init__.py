"""Evaluation that cannot be fooled: recordings and events in, figures with intervals out, the same for every contender."""
