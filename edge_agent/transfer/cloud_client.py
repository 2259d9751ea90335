"""The bed's side of docs/contracts/bed-http-api.md: one request each, answers checked and bounded, failures in families.

Transient: try again later. Absent: the cloud does not know (yet). Refused: it will never be taken. Nothing but the exact
status that the contract names counts as success.
"""

from __future__ import annotations

import hashlib
import ssl
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from edge_agent.transfer.failures import Absent, CertificateRefused, ChunkRefused, Incomplete, TooManyClips
from edge_agent.transfer.pace import Pace
from edge_agent.transfer.store_client import StoreClient
from shared.clip import ChunkPlace, ClipAnswer, ClipManifest, MissingObject, PlaceWanted, WantedClips
from shared.contract import ContractType, parse_json, read_contract
from shared.errors import DeepEpilError, Misconfigured, Refused, Transient

ANSWER_LIMIT_BYTES = 16 * 1024 * 1024
TIMEOUT = httpx.Timeout(connect=10.0, read=60.0, write=60.0, pool=10.0)
LONGEST_RETRY_AFTER_S = 300
_TRANSIENT_STATUS = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class CloudAddress:
    """The cloud's HTTPS address and what the bed shows there; without files the connection is plain (loopback only).

    `store_origin` is the object store to which chunks may go directly, with the authority of its certificate.
    """

    url: str
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    store_origin: str | None = None
    store_ca_file: Path | None = None


def _tls(address: CloudAddress) -> ssl.SSLContext | bool:
    if not address.url.startswith("https:"):
        return True
    try:
        context = ssl.create_default_context(cafile=str(address.ca_file) if address.ca_file else None)
        if address.certificate_file is not None:
            context.load_cert_chain(address.certificate_file, address.key_file)
    except OSError as error:
        raise Misconfigured(f"The bed's certificate files cannot be used: {error}.") from error
    return context


class CloudClient:
    """Use from one thread. `pace` holds the bytes to the rate and says that the loop lives. Raises Misconfigured at once."""

    def __init__(self, address: CloudAddress, pace: Pace) -> None:
        self._pace = pace
        self.sent_bytes = 0
        self._store = StoreClient(address.store_origin, address.store_ca_file)
        self._http = httpx.Client(
            base_url=f"{address.url}/bed/v1/", verify=_tls(address), timeout=TIMEOUT, follow_redirects=False,
            trust_env=False, limits=httpx.Limits(max_connections=1), headers={"User-Agent": "deepepil-edge"},
        )  # fmt: skip

    def close(self) -> None:
        """Ends the connections."""
        self._http.close()
        self._store.close()

    def put_clip(self, manifest: ClipManifest) -> ClipAnswer:
        """PUT the manifest. Raises Absent while the cloud does not know the event."""
        body = manifest.model_dump_json().encode()
        found = self._ask("PUT", f"clips/{manifest.event_id}", 200, body, {"Content-Type": "application/json"})
        answer = _read(ClipAnswer, found)
        if answer.event_id != manifest.event_id:
            raise Transient(f"The cloud answered about clip {answer.event_id}, not {manifest.event_id}.")
        return answer

    def put_chunk(self, sha256: str, size_bytes: int, chunk: int, body: bytes) -> None:
        """Raises ChunkRefused when the bytes did not arrive whole."""
        headers = {"X-Chunk-Sha256": hashlib.sha256(body).hexdigest(), "Content-Type": "application/octet-stream"}
        self._ask("PUT", f"objects/{sha256}/chunks/{chunk}?size_bytes={size_bytes}", 204, body, headers)

    def put_chunk_directly(self, sha256: str, size_bytes: int, chunk: int, body: bytes) -> None:
        """To the object store, at a place that the cloud gives for these very bytes. Raises ChunkRefused, StoreNotAllowed."""
        digest = b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        wish = PlaceWanted(chunk=chunk, content_md5=digest).model_dump_json().encode()
        path = f"objects/{sha256}/place?size_bytes={size_bytes}"
        place = _read(ChunkPlace, self._ask("POST", path, 200, wish, {"Content-Type": "application/json"}))
        if (place.sha256, place.chunk) != (sha256, chunk):
            raise Transient("The cloud answered with the place of another chunk.")
        self._store.put(place, body, self._pieces)

    def release(self, path: str, limit_bytes: int) -> bytes:
        """Card or file of a release that this bed was ordered to run: `NAME/card`, `NAME/file`. Raises Absent, Refused."""
        found = self._ask("GET", f"releases/{path}", 200)
        if len(found) > limit_bytes:
            raise Refused(f"The cloud's {path} has {len(found)} bytes; {limit_bytes} are allowed.")
        return found

    def wanted(self) -> WantedClips:
        """Clips whose raw segments are wanted after they were released."""
        return _read(WantedClips, self._ask("GET", "wanted", 200))

    def complete(self, sha256: str, size_bytes: int) -> None:
        """Returns when the cloud re-hashed what it stores. Raises Incomplete with what it lacks."""
        self._ask("POST", f"objects/{sha256}/complete?size_bytes={size_bytes}", 200)

    def _ask(
        self, method: str, path: str, success: int, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> bytes:
        more = {**(headers or {}), "Content-Length": str(len(body))}
        try:
            content: Iterator[bytes] | None = self._pieces(body) if body else None
            with self._http.stream(method, path, content=content, headers=more) as response:
                found = _bounded(response)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise Transient(f"The cloud cannot be reached: {error or type(error).__name__}.") from error
        if response.status_code != success:
            raise _failure(response, path, found)
        return found

    def _pieces(self, body: bytes) -> Iterator[bytes]:
        at = 0
        while at < len(body):
            piece = body[at : at + self._pace.piece_bytes]
            self._pace.spend(len(piece))
            self.sent_bytes += len(piece)
            at += len(piece)
            yield piece


def _bounded(response: httpx.Response) -> bytes:
    found = bytearray()
    for piece in response.iter_bytes():
        found += piece
        if len(found) > ANSWER_LIMIT_BYTES:
            raise Transient(f"The cloud's answer is longer than {ANSWER_LIMIT_BYTES} bytes.")
    return bytes(found)


def _read(kind: type[ContractType], body: bytes) -> ContractType:
    """An answer that is not what the contract says is the other side's fault: it may be mended, so it is Transient."""
    try:
        return read_contract(kind, body, ANSWER_LIMIT_BYTES)
    except Refused as error:
        raise Transient(f"The cloud's answer is not understood: {error.sentence}") from error


def _failure(response: httpx.Response, path: str, body: bytes) -> DeepEpilError:
    """The error family of a status, by the table of the contract."""
    status = response.status_code
    sentence = f"The cloud answered {status} to {response.request.method} {path.partition('?')[0]}: {_detail(body)}"
    if status == 404:
        return Absent(sentence)
    if status == 409 and path.startswith("objects/"):
        return Incomplete(sentence, _read(MissingObject, body))
    if status == 422 and "/chunks/" in path:
        return ChunkRefused(sentence)
    if status in {401, 403}:
        return CertificateRefused(sentence)
    if status == 429 and path.startswith("clips/"):
        return TooManyClips(sentence, retry_after_s=_retry_after_s(response))
    if status in _TRANSIENT_STATUS or not 400 <= status < 500:
        return Transient(sentence, retry_after_s=_retry_after_s(response))
    return Refused(sentence, status=status)


def _detail(body: bytes) -> str:
    with suppress(Refused):
        detail = parse_json(body[:65_536], 65_536).get("detail")
        if isinstance(detail, str) and detail:
            return detail[:300]
    return "no reason given."


def _retry_after_s(response: httpx.Response) -> int:
    word = response.headers.get("Retry-After", "")
    return min(int(word), LONGEST_RETRY_AFTER_S) if word.isascii() and word.isdigit() and len(word) < 10 else 0
