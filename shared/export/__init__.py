"""An excerpt of recorded segments written for other programs: Azure Kinect compatible Matroska, MCAP, NumPy."""
