"""The bed's side of a direct upload: one chunk to the object store, at the place that the cloud gave, if the bed trusts it.

The bed's certificate is never shown there, and an address is never logged: whoever has it may write that chunk.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from edge_agent.transfer.failures import Absent, ChunkRefused, StoreNotAllowed
from shared.clip import ChunkPlace
from shared.errors import Misconfigured, Transient

TIMEOUT = httpx.Timeout(connect=10.0, read=60.0, write=60.0, pool=10.0)


def origin_of(url: str) -> str:
    """Scheme, host and port of an address, the port always written out."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}://{parts.hostname}:{port}"


class StoreClient:
    """Use from one thread. `allowed` is the one store to which chunks may go; without one none may."""

    def __init__(self, allowed: str | None, ca_file: Path | None) -> None:
        self._allowed = origin_of(allowed) if allowed is not None else None
        self._http = httpx.Client(
            verify=_trust(ca_file), timeout=TIMEOUT, follow_redirects=False, trust_env=False,
            limits=httpx.Limits(max_connections=1), headers={"User-Agent": "deepepil-edge"},
        )  # fmt: skip

    def close(self) -> None:
        """Ends the connection."""
        self._http.close()

    def put(self, place: ChunkPlace, body: bytes, pieces: Callable[[bytes], Iterator[bytes]]) -> None:
        """PUTs the chunk. Raises StoreNotAllowed, ChunkRefused for bytes that did not arrive whole, Absent, Transient."""
        try:
            origin = origin_of(place.url)
        except ValueError as error:
            raise StoreNotAllowed("The cloud gave an address that is none.") from error
        if origin != self._allowed:
            known = (
                f"the setting upload.store_origin names {self._allowed}" if self._allowed else "no setting allows one"
            )
            raise StoreNotAllowed(f"The cloud wants chunks to go to the store {origin}, but {known}.")
        try:
            answer = self._http.put(place.url, content=pieces(body), headers=place.headers)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise Transient(f"The store {origin} cannot be reached: {type(error).__name__}.") from error
        self._judge(answer.status_code, origin)

    @staticmethod
    def _judge(status: int, origin: str) -> None:
        sentence = f"The store {origin} answered {status} to a chunk."
        if status == 200:
            return
        if status in {400, 422}:
            raise ChunkRefused(sentence)
        if status == 404:
            raise Absent(sentence)
        raise Transient(sentence)


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except OSError as error:
        raise Misconfigured(f"upload.store_ca_file cannot be used: {error}.") from error
