"""How well events match the truth: SzCORE scoring, matching with latency, intervals."""
