"""The fault campaign of delivery: real processes and a deterministic simulation, judged from outside."""
