"""Training, evaluation and release of the networks: the detector at the bed, the classifier in the cloud."""
