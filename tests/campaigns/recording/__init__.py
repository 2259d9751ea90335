"""The fault campaign of the recording: `make campaign-recording`, and its short form among the tests."""
