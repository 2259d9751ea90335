"""The cloud's own certificate authority, as tests use it: a server's certificate for this machine, and one for each bed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cloud.devices.authority import Authority

HERE = ("localhost", "127.0.0.1")


@dataclass(frozen=True)
class Certificate:
    """Two PEM files."""

    certificate_file: Path
    key_file: Path


class TestAuthority:
    """Mints certificates into a folder; `ca_file` is what all of them trust."""

    __test__ = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority = Authority.open(folder)
        self.ca_file = self._authority.certificate_file

    def issue(self, common_name: str, *, server: bool = False) -> Certificate:
        """A certificate for this machine (server) or for a bed named by its common name."""
        return Certificate(*self._authority.issue_files(common_name, self._folder, HERE if server else ()))
