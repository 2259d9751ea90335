"""`enrol`: a box becomes the bed of its settings. `renew`: it stays one. The key is made once, at enrolment, and stays in its file.

A renewal keeps the key: then one file changes, at one moment, and there is no time at which key and certificate do not fit.
"""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlsplit

from cryptography import x509

from edge_agent.identity import identity_client
from edge_agent.identity.key_files import (
    KeyFiles,
    is_due,
    key_pem,
    must_be_ours,
    new_key,
    replace_file,
    request_pem,
)
from edge_agent.settings import Settings
from shared.clock import NS_PER_S
from shared.errors import Misconfigured
from shared.identity import EnrolmentCode, EnrolmentWish, RenewalWish


def enrol(settings: Settings, url: str, code_text: str) -> x509.Certificate:
    """Asks with a one-time code and a new key; writes key, certificate and authority only when all three are right.

    Raises Refused for a code that is not good or a cloud that is not the code's, Transient without a network. A cut after the
    cloud signed and before the files are written needs a new code: nothing else is harmed.
    """
    files, name, code = KeyFiles.of(settings.mqtt), _name(settings), EnrolmentCode.read(code_text)
    place = _https(url, "--cloud")
    trust_pem = identity_client.authority(place)
    code.must_fit(trust_pem)
    key = new_key()
    wish = EnrolmentWish(secret=code.secret, request_pem=request_pem(key, name))
    found = identity_client.enrol(place, trust_pem, wish)
    code.must_fit(found.trust_pem.encode())
    certificate = must_be_ours(found.certificate_pem, key, name)
    replace_file(files.ca_file, found.trust_pem.encode(), 0o644)
    replace_file(files.key_file, key_pem(key), 0o600)
    replace_file(files.certificate_file, found.certificate_pem.encode(), 0o644)
    return certificate


def renew(settings: Settings, now_ns: int, *, force: bool = False) -> x509.Certificate | None:
    """The next certificate when a third of the present one's life is left, else None. The old one stays until the new is whole.

    Raises Transient without a network, Refused when the cloud says no: the certificate was revoked.
    """
    files, name = KeyFiles.of(settings.mqtt), _name(settings)
    present, key = files.read()
    if not force and not is_due(present, datetime.fromtimestamp(now_ns / NS_PER_S, UTC)):
        return None
    place = _https(settings.cloud.url, "cloud.url")
    found = identity_client.renew(place, files, RenewalWish(request_pem=request_pem(key, name)))
    certificate = must_be_ours(found.certificate_pem, key, name)
    replace_file(files.certificate_file, found.certificate_pem.encode(), 0o644)
    return certificate


def _name(settings: Settings) -> str:
    return f"{settings.bed.site}.{settings.bed.bed}"


def _https(url: str, option: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment:
        raise Misconfigured(f"{option}: must be an https:// address, not {url[:100]!r}.")
    return url.rstrip("/")
