"""I3D: which kind of seizure a clip may show (frontal, temporal, non-epileptic); a suggestion for the reviewer."""
