"""What `ca`, `enrol` and `revoke` do: the beds' authority, one-time codes, revocation with its list written out."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from cloud.clips.routes import caller_of
from cloud.clips.service import Caller
from cloud.database import UNREACHABLE, database_server, open_tables
from cloud.devices import enrolment
from cloud.devices.authority import write_whole
from cloud.devices.bed_authority import BedAuthority, make_authority
from cloud.principal import Principal
from cloud.problems import HttpProblem
from cloud.schema import must_be_current
from cloud.settings import CloudSettings
from shared.clock import NS_PER_S
from shared.errors import Misconfigured, Refused, Transient
from shared.identity import EnrolmentCode

_OPS = Principal.system("command")
Found = TypeVar("Found")


def make_files(settings: CloudSettings) -> Path:
    """The authority and a first, empty list. Returns where the certificate lies. Raises Refused when there is one."""
    authority = make_authority(settings.authority)
    _write_list(settings, authority, [])
    assert settings.authority.certificate_file is not None
    return settings.authority.certificate_file


async def new_code(settings: CloudSettings, bed: str, minutes: int) -> EnrolmentCode:
    """A code for the bed (`site.bed`), good once within the minutes. Raises Misconfigured, Refused, Transient."""
    named = _bed(bed)
    BedAuthority.open(settings.authority)
    code = EnrolmentCode.new(trust_of(settings).encode())

    async def keep() -> None:
        now_ns = time.time_ns()
        await enrolment.offer(_OPS, named.site, named.bed, code, (now_ns, now_ns + minutes * 60 * NS_PER_S))

    await _with_tables(settings, keep)
    return code


async def revoke_bed(settings: CloudSettings, bed: str, serial: str | None) -> int:
    """Revokes the bed's certificates and writes the list. Returns how many were good before. Raises as `new_code`."""
    named = _bed(bed)
    authority = BedAuthority.open(settings.authority)
    plain = None if serial is None else _serial(serial)

    async def end() -> tuple[int, list[tuple[str, int]]]:
        now_ns = time.time_ns()
        count = await enrolment.revoke(_OPS, named.site, named.bed, now_ns, plain)
        return count, await enrolment.revoked(_OPS, now_ns)

    count, found = await _with_tables(settings, end)
    _write_list(settings, authority, found)
    return count


async def write_list(settings: CloudSettings) -> int:
    """Writes the list of revoked certificates anew. Returns how many are on it."""
    authority = BedAuthority.open(settings.authority)
    if settings.authority.crl_file is None:
        raise Misconfigured("authority.crl_file says where the list shall lie; it is not set.")

    async def read() -> list[tuple[str, int]]:
        return await enrolment.revoked(_OPS, time.time_ns())

    found = await _with_tables(settings, read)
    _write_list(settings, authority, found)
    return len(found)


def trust_of(settings: CloudSettings) -> str:
    """The certificates by which beds know broker and cloud, PEM. Raises Misconfigured."""
    try:
        return settings.trust_file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"authority.trust_file: {settings.trust_file} cannot be read: {error}.") from error


def _write_list(settings: CloudSettings, authority: BedAuthority, revoked: list[tuple[str, int]]) -> None:
    if settings.authority.crl_file is not None:
        write_whole(settings.authority.crl_file, authority.revocation_list(revoked), 0o644)


async def _with_tables(settings: CloudSettings, work: Callable[[], Awaitable[Found]]) -> Found:
    try:
        async with database_server(settings.database) as address:
            await must_be_current(address)
            async with open_tables(address, 2):
                return await work()
    except UNREACHABLE as error:
        raise Transient(f"The database cannot be reached: {error}.") from error


def _serial(text: str) -> str:
    try:
        found = int(text.replace(":", ""), 16)
    except ValueError as error:
        raise Refused(f"--serial: {text[:80]!r} is not a hexadecimal number.") from error
    if not 0 < found < 2**160:
        raise Refused("--serial: a serial number has 1 to 160 bits.")
    return f"{found:x}"


def _bed(name: str) -> Caller:
    try:
        return caller_of(name)
    except HttpProblem as problem:
        raise Refused(f"{name[:80]!r} is not of the form site.bed, such as north.bed-1.") from problem
