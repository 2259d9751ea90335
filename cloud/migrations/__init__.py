"""The steps that bring a database from any version to this one, in order."""
