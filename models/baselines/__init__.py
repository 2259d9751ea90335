"""What any detector must beat: published and obvious methods behind the same trigger and the same rules."""
