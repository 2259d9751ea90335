"""The live view at the bed: one encode a stream for all who watch, nothing at all while nobody does."""
