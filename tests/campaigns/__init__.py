"""Fault campaigns: the shipped parts under faults of disk, power, process and clock, with a witness that knows the truth."""
