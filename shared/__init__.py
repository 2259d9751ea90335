"""The nouns of DeepEpil: contracts and bytes that the bed, the cloud and the training must agree on."""
