"""The box's requests for its certificates, by docs/contracts/bed-http-api.md: one connection each, answers bounded and checked."""

from __future__ import annotations

import ssl
from contextlib import suppress

import httpx

from edge_agent.identity.key_files import KeyFiles
from shared.contract import Contract, parse_json, read_contract
from shared.errors import DeepEpilError, Misconfigured, Refused, Transient
from shared.identity import LIMIT_BYTES, EnrolmentWish, Identity, RenewalWish

TIMEOUT = httpx.Timeout(20.0)
_TRANSIENT = frozenset({408, 425, 429})


def authority(url: str) -> bytes:
    """The certificates that the cloud wants to be known by (PEM). Nothing is trusted yet: the caller compares it with the code."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return _ask(context, "GET", f"{url}/enrol/v1/authority")


def enrol(url: str, trust_pem: bytes, wish: EnrolmentWish) -> Identity:
    """The first certificate. The cloud must be known by these certificates. Raises Refused for a code that is not good."""
    try:
        context = ssl.create_default_context(cadata=trust_pem.decode())
    except (ValueError, OSError) as error:
        raise Refused(f"The cloud's authority cannot be used: {error}.") from error
    return _identity(_ask(context, "POST", f"{url}/enrol/v1/certificate", wish))


def renew(url: str, files: KeyFiles, wish: RenewalWish) -> Identity:
    """The next certificate, asked for with the present one. Raises Refused when that is revoked, Transient without a network."""
    try:
        context = ssl.create_default_context(cafile=str(files.ca_file))
        context.load_cert_chain(files.certificate_file, files.key_file)
    except OSError as error:
        raise Misconfigured(f"The bed's certificate files cannot be used: {error}.") from error
    return _identity(_ask(context, "POST", f"{url}/bed/v1/certificate", wish))


def _ask(context: ssl.SSLContext, method: str, url: str, wish: Contract | None = None) -> bytes:
    body = wish.model_dump_json().encode() if wish is not None else None
    try:
        with (
            httpx.Client(verify=context, timeout=TIMEOUT, follow_redirects=False, trust_env=False) as client,
            client.stream(method, url, content=body, headers={"Content-Type": "application/json"}) as response,
        ):
            found = bytearray()
            for piece in response.iter_bytes():
                found += piece
                if len(found) > LIMIT_BYTES:
                    raise Transient(f"The cloud's answer is longer than {LIMIT_BYTES} bytes.")
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise Transient(f"The cloud cannot be reached at {url}: {error or type(error).__name__}.") from error
    if response.status_code != 200:
        raise _failure(response.status_code, bytes(found))
    return bytes(found)


def _identity(body: bytes) -> Identity:
    try:
        return read_contract(Identity, body, LIMIT_BYTES)
    except Refused as error:
        raise Transient(f"The cloud's answer is not understood: {error.sentence}") from error


def _failure(status: int, body: bytes) -> DeepEpilError:
    detail: object = None
    with suppress(Refused):
        detail = parse_json(body, LIMIT_BYTES).get("detail")
    reason = detail[:300] if isinstance(detail, str) and detail else "no reason given."
    sentence = f"The cloud answered {status}: {reason}"
    passing = status in _TRANSIENT or not 400 <= status < 500
    return Transient(sentence) if passing else Refused(sentence, status=status)
