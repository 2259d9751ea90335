"""What the cloud asks of the ring: spans that a person wants, and the answers."""
