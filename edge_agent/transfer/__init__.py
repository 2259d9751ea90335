"""Brings clips to the cloud over HTTPS: what to send next, how, and what the answers mean."""
