"""What happens to patients and beds: admitted, transferred, discharged, recording paused. The bed is told in the same transaction."""

from __future__ import annotations

from typing import NoReturn
from uuid import UUID

from tortoise.exceptions import IntegrityError

import cloud.devices.queries
import cloud.devices.service
import cloud.ingest.queries
from cloud import audit
from cloud.accounts.service import refuse
from cloud.database import Connection, in_transaction
from cloud.ingest.tables import DeadLetter, DifferenceRow
from cloud.principal import Principal
from cloud.problems import HttpProblem
from cloud.stays import queries
from cloud.stays.queries import BedFacts
from cloud.stays.tables import Stay
from shared.errors import Transient
from shared.ids import uuid7
from shared.stay import new_patient_code

CODES_TRIED = 20


async def beds(principal: Principal) -> list[BedFacts]:
    """All beds of the principal's sites."""
    return await queries.beds(principal)


async def dead_letters(principal: Principal, limit: int) -> list[DeadLetter]:
    """The newest refused messages."""
    return await cloud.ingest.queries.dead_letters(principal, limit)


async def differences(principal: Principal, limit: int) -> list[DifferenceRow]:
    """What beds and cloud told differently when they compared their messages and clips."""
    return await cloud.ingest.queries.differences(principal, limit)


async def admit(principal: Principal, site: str, bed: str, patient_code: str | None, now_ns: int) -> Stay:
    """Begins a stay. 404 for an unknown bed, 409 when the bed is taken or the patient stays elsewhere in the site."""
    await _must_know(principal, site, bed)
    try:
        async with in_transaction() as connection:
            await _must_be_empty(connection, principal, site, bed)
            code = patient_code or await _fresh_code(connection, site)
            if await queries.present_patient(connection, principal, site, code):
                raise HttpProblem(409, "This patient stays in another bed already.")
            stay = await _begin(connection, site, bed, code, now_ns)
            await cloud.devices.service.set_desired(connection, principal, site, bed, stay_id=stay.stay_id)
            await _record(connection, principal, "patient_admitted", stay)
    except IntegrityError as error:
        raise HttpProblem(409, "Somebody admitted a patient here at the same moment.") from error
    return stay


async def discharge(principal: Principal, site: str, bed: str, now_ns: int) -> None:
    """Ends the stay in a bed. 404 for an unknown bed, 409 when nobody stays there."""
    await _must_know(principal, site, bed)
    async with in_transaction() as connection:
        stay = await _ended(connection, principal, site, bed, now_ns)
        await cloud.devices.service.set_desired(connection, principal, site, bed, stay_id=None)
        await _record(connection, principal, "patient_discharged", stay)


async def transfer(principal: Principal, site: str, bed: str, to_bed: str, now_ns: int) -> Stay:
    """Ends the stay in one bed and begins the next in another of the same site. 409 when that bed is taken."""
    await _must_know(principal, site, bed)
    await _must_know(principal, site, to_bed)
    try:
        async with in_transaction() as connection:
            await _must_be_empty(connection, principal, site, to_bed)
            before = await _ended(connection, principal, site, bed, now_ns)
            after = await _begin(connection, site, to_bed, before.patient_code, now_ns, before.stay_id)
            wishes = {bed: None, to_bed: after.stay_id}
            for name in sorted(wishes):  # one order for all: two transfers at once cannot lock each other out
                await cloud.devices.service.set_desired(connection, principal, site, name, stay_id=wishes[name])
            await _record(connection, principal, "patient_transferred", after)
    except IntegrityError as error:
        raise HttpProblem(409, "Somebody admitted a patient there at the same moment.") from error
    return after


async def pause(principal: Principal, site: str, bed: str, paused: bool) -> BedFacts:
    """Pauses or resumes the recording of a bed."""
    await _must_know(principal, site, bed)
    async with in_transaction() as connection:
        await cloud.devices.service.set_desired(connection, principal, site, bed, paused=paused)
    found = {(one.site, one.bed): one for one in await queries.beds(principal)}
    return found[site, bed]


async def _must_know(principal: Principal, site: str, bed: str) -> None:
    if await cloud.devices.queries.bed(principal, site, bed) is None:
        await _refuse_bed(principal, site, bed)


async def _refuse_bed(principal: Principal, site: str, bed: str) -> NoReturn:
    await refuse(principal, f"{site}.{bed}")


async def _must_be_empty(connection: Connection, principal: Principal, site: str, bed: str) -> None:
    if await queries.present_in(principal, site, bed, connection=connection) is not None:
        raise HttpProblem(409, "Somebody stays in this bed already.")


async def _fresh_code(connection: Connection, site: str) -> str:
    for _ in range(CODES_TRIED):
        code = new_patient_code()
        if not await queries.code_was_used(connection, site, code):
            return code
    raise Transient("No free patient code was found; please try again.")


async def _begin(
    connection: Connection, site: str, bed: str, code: str, now_ns: int, transferred_from: UUID | None = None
) -> Stay:
    return await Stay.create(
        using_db=connection,
        stay_id=uuid7(now_ns),
        site=site,
        bed=bed,
        patient_code=code,
        admitted_utc_ns=now_ns,
        transferred_from=transferred_from,
        holds_bed=f"{site}/{bed}",
        holds_patient=f"{site}/{code}",
    )


async def _ended(connection: Connection, principal: Principal, site: str, bed: str, now_ns: int) -> Stay:
    stay = await queries.present_in(principal, site, bed, connection=connection)
    if stay is None:
        raise HttpProblem(409, "Nobody stays in this bed.")
    stay.discharged_utc_ns, stay.holds_bed, stay.holds_patient = max(now_ns, stay.admitted_utc_ns), None, None
    await stay.save(using_db=connection, update_fields=["discharged_utc_ns", "holds_bed", "holds_patient"])
    return stay


async def _record(connection: Connection, principal: Principal, deed: str, stay: Stay) -> None:
    await audit.record(
        connection, principal, deed, site=stay.site, subject=str(stay.stay_id), details={"bed": stay.bed}
    )
