"""The agent of one bed: records, detects, keeps and sends; runs alone for as long as its disk allows."""
