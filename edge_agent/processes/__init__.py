"""The thin shell: each module wires one loop to the bus and decides nothing."""
