"""One thing that is wrong, in a sentence for ops, with the page of docs/operations that says what to do."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from shared.clock import NS_PER_S

DAY_NS = 86_400 * NS_PER_S
ENDS_SOON_NS = 14 * DAY_NS
REACH_LIMIT_S = 3.0
Reach = Callable[[str, int], str | None]
"""Tries a connection to host and port: why there is none, or None when one came about."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`page` is a file of docs/operations without its ending."""

    sentence: str
    page: str


def told(findings: Iterable[Finding]) -> Iterator[str]:
    """Two lines a finding: what is wrong, and where it is written what to do."""
    for finding in findings:
        yield f"fault: {finding.sentence}"
        yield f"       see docs/operations/{finding.page}.md"


def certificate_end_ns(path: Path) -> int | None:
    """When the certificate in a PEM file ends, in UTC ns; None when it cannot be read."""
    try:
        end = x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        return None
    return int(end.timestamp()) * NS_PER_S


def certificate_findings(path: Path, now_ns: int) -> Iterator[Finding]:
    """A certificate that cannot be read, has ended, or ends within 14 days."""
    end_ns = certificate_end_ns(path)
    if end_ns is None:
        yield Finding(f"The certificate {path} cannot be read.", "key-rotation")
    elif end_ns <= now_ns:
        yield Finding(f"The certificate {path} ended {(now_ns - end_ns) / DAY_NS:.1f} days ago.", "key-rotation")
    elif end_ns < now_ns + ENDS_SOON_NS:
        yield Finding(f"The certificate {path} ends in {(end_ns - now_ns) / DAY_NS:.1f} days.", "key-rotation")


def reach(host: str, port: int) -> str | None:
    """Connects by TCP and hangs up; gives up after 3 s an address. See `Reach`."""
    try:
        with socket.create_connection((host, port), REACH_LIMIT_S):
            return None
    except TimeoutError:
        return f"no answer within {REACH_LIMIT_S:g} s"
    except socket.gaierror:
        return "the name is not known here"
    except OSError as error:
        return (error.strerror or str(error)).lower()
