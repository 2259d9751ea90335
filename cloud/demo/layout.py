"""Where a demonstration keeps its things, and which ports it takes. The same checkout finds the same data again."""

from __future__ import annotations

import hashlib
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from shared.errors import Misconfigured

FIRST_PEOPLE_PORT = 8400
PORTS_TRIED = 50


@dataclass(frozen=True, slots=True)
class DemoBed:
    """One bed of the demonstration; the seeds choose its simulated patient and night. Colour is low-rate by default."""

    site: str
    bed: str
    patient_seed: int
    night_seed: int
    colour_per_s: float = 2.0
    colour_width: int = 960
    colour_height: int = 540

    @property
    def name(self) -> str:
        return f"{self.site}.{self.bed}"


DEMO_BEDS = (DemoBed("demo", "bed-1", 9001, 1), DemoBed("demo", "bed-2", 9002, 2))


def demo_folder(checkout: Path) -> Path:
    """A folder of the demonstration's own, outside any home: the embedded database opens the parents of its folder when run by root."""
    if os.geteuid() != 0:
        return checkout / "build" / "demo"
    mark = hashlib.sha256(str(checkout.resolve()).encode()).hexdigest()[:8]
    return Path("/var/lib/deepepil") / f"demo-{mark}"


def free_port(first: int) -> int:
    """The first port from `first` on that nobody listens on at 127.0.0.1. Raises Misconfigured after 50 tries."""
    for port in range(first, first + PORTS_TRIED):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise Misconfigured(f"No free port between {first} and {first + PORTS_TRIED - 1} at 127.0.0.1.")


@dataclass(frozen=True, slots=True)
class Ports:
    """What listens where, all at 127.0.0.1."""

    people: int
    beds: int
    broker: int

    @staticmethod
    def choose() -> Ports:
        people = free_port(FIRST_PEOPLE_PORT)
        beds = free_port(people + 1)
        return Ports(people, beds, free_port(beds + 1))
