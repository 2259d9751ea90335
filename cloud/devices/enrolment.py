"""How a box becomes a bed and stays one: one-time codes, first certificates, renewals, revocation. Every deed is audited."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from cloud import audit
from cloud.database import Connection, in_transaction
from cloud.devices.bed_authority import BedAuthority, read_request, serial_of
from cloud.devices.service import ensure_bed
from cloud.devices.tables import BedCertificate, BedEnrolment
from cloud.principal import Principal
from cloud.problems import HttpProblem
from shared.clock import NS_PER_S
from shared.errors import Refused
from shared.identity import EnrolmentCode, EnrolmentWish

DAY_NS = 86_400 * NS_PER_S
CERTIFICATES_A_DAY = 10
"""So many a bed may get in 24 hours; a box that asks more often runs wild."""
REVOKED_LIMIT = 100_000
NO_GOOD = "This code is not good here: it was used, it has ended, or it is another bed's."


async def offer(principal: Principal, site: str, bed: str, code: EnrolmentCode, times_ns: tuple[int, int]) -> None:
    """Keeps the code's hash for (now, end); the bed becomes known. Codes given out for it before end now."""
    now_ns, ends_ns = times_ns
    async with in_transaction() as connection:
        await ensure_bed(connection, site, bed)
        await _end_codes(connection, site, bed, now_ns)
        await BedEnrolment.create(
            using_db=connection, site=site, bed=bed, code_sha256=code.secret_sha256, made_at_ns=now_ns,
            ends_at_ns=ends_ns,
        )  # fmt: skip
        await audit.record(connection, principal, "enrolment_offered", site=site, subject=f"{site}.{bed}", details={})


async def enrol(authority: BedAuthority, wish: EnrolmentWish, now_ns: int) -> x509.Certificate:
    """The first certificate, for a code that is good once. Raises HttpProblem 403 in the same words for every code that is not."""
    request, name = read_request(wish.request_pem)
    code = EnrolmentCode(wish.secret, "")
    async with in_transaction() as connection:
        row = (
            await BedEnrolment.filter(code_sha256=code.secret_sha256, used_at_ns=None, ends_at_ns__gt=now_ns)
            .using_db(connection)
            .select_for_update()
            .get_or_none()
        )
        if row is None or name != f"{row.site}.{row.bed}":
            raise HttpProblem(403, NO_GOOD)
        await BedEnrolment.filter(id=row.id).using_db(connection).update(used_at_ns=now_ns)
        certificate = await _sign(connection, authority, request, (row.site, row.bed), now_ns)
        principal = Principal.bed(row.site, row.bed)
        details: dict[str, audit.Detail] = {"serial": serial_of(certificate)}
        await audit.record(connection, principal, "bed_enrolled", site=row.site, subject=name, details=details)
    return certificate


async def renew(authority: BedAuthority, site: str, bed: str, request_pem: str, now_ns: int) -> x509.Certificate:
    """The next certificate of a bed that showed a good one. Raises HttpProblem 403 for another's name, 429 past ten a day."""
    request, name = read_request(request_pem)
    if name != f"{site}.{bed}":
        raise HttpProblem(403, "The request is for another bed than the certificate that asks.")
    async with in_transaction() as connection:
        found = BedCertificate.filter(site=site, bed=bed, issued_at_ns__gt=now_ns - DAY_NS).using_db(connection)
        if await found.count() >= CERTIFICATES_A_DAY:
            sentence = f"The bed got {CERTIFICATES_A_DAY} certificates within a day."
            raise HttpProblem(429, sentence, retry_after_s=3_600)
        certificate = await _sign(connection, authority, request, (site, bed), now_ns)
        details: dict[str, audit.Detail] = {"serial": serial_of(certificate)}
        await audit.record(
            connection, Principal.bed(site, bed), "bed_certificate_renewed", site=site, subject=name, details=details
        )
    return certificate


async def revoke(principal: Principal, site: str, bed: str, now_ns: int, serial: str | None = None) -> int:
    """Revokes all certificates of the bed, or the one of this serial number, known or not. Returns how many were good before.

    Codes given out for the bed end too. Raises Refused when nothing is known that could be revoked.
    """
    async with in_transaction() as connection:
        await _end_codes(connection, site, bed, now_ns)
        if serial is not None:
            await connection.execute_query(
                "INSERT INTO bed_certificate (site, bed, serial, issued_at_ns, ends_at_ns) VALUES ($1, $2, $3, $4, $5)"
                " ON CONFLICT (serial) DO NOTHING",
                [site, bed, serial, now_ns, 2**63 - 1],
            )
        found = BedCertificate.filter(site=site, bed=bed, **({} if serial is None else {"serial": serial}))
        if not await found.using_db(connection).exists():
            raise Refused(f"No certificate of {site}.{bed} is known; name its serial number with --serial.")
        count = await found.filter(revoked_at_ns=None).using_db(connection).update(revoked_at_ns=now_ns)
        details: dict[str, audit.Detail] = {"certificates": count, "serial": serial}
        await audit.record(connection, principal, "bed_revoked", site=site, subject=f"{site}.{bed}", details=details)
    return count


async def revoked(principal: Principal, now_ns: int) -> list[tuple[str, int]]:
    """Serial numbers that were revoked and have not ended, with the time of their revocation, in a steady order."""
    if not principal.sees_all_sites:
        return []
    rows = (
        await BedCertificate.filter(revoked_at_ns__not_isnull=True, ends_at_ns__gt=now_ns)
        .order_by("-revoked_at_ns", "serial")
        .limit(REVOKED_LIMIT)
        .values_list("serial", "revoked_at_ns")
    )
    return [(str(serial), int(at_ns)) for serial, at_ns in rows]


async def _sign(
    connection: Connection,
    authority: BedAuthority,
    request: x509.CertificateSigningRequest,
    bed: tuple[str, str],
    now_ns: int,
) -> x509.Certificate:
    """Signs, and writes the certificate down before anybody has it."""
    certificate = authority.sign(request, ".".join(bed))
    await BedCertificate.create(
        using_db=connection, site=bed[0], bed=bed[1], serial=serial_of(certificate), issued_at_ns=now_ns,
        ends_at_ns=int(certificate.not_valid_after_utc.timestamp()) * NS_PER_S,
    )  # fmt: skip
    return certificate


async def _end_codes(connection: Connection, site: str, bed: str, now_ns: int) -> None:
    open_codes = BedEnrolment.filter(site=site, bed=bed, used_at_ns=None, ends_at_ns__gt=now_ns)
    await open_codes.using_db(connection).update(ends_at_ns=now_ns)


def pem_of(certificate: x509.Certificate) -> str:
    """The certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
