"""What gives frames: cameras, and what stands for them, behind one protocol."""
