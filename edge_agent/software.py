"""What runs here: the installed version of DeepEpil, as heartbeats and births tell it."""

from __future__ import annotations

from importlib import metadata


def software_version() -> str:
    """The version, or `unknown` when the package is not installed."""
    try:
        return metadata.version("deepepil")
    except metadata.PackageNotFoundError:
        return "unknown"
