"""The detector: a small streaming network that finds paroxysms in previews, learnt from the simulated ward."""
