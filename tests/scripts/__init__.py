"""What builds and packs: the bundle."""
