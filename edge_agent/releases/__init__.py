"""Releases at the bed: signed orders obeyed, files checked and tried, the detector switched, and back again when it fails."""
