"""Small programs of the build."""
