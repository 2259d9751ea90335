"""One patient code: its stays and events, and the correction of a code that was wrong, once and for all that hangs on it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from tortoise.exceptions import IntegrityError

import cloud.review.queries
from cloud import audit
from cloud.accounts.service import refuse
from cloud.database import Connection, in_transaction
from cloud.principal import Principal
from cloud.problems import HttpProblem
from cloud.review.queries import Found
from cloud.stays import queries
from cloud.stays.tables import Stay, StayCorrection
from shared.comment_gate import doubtful
from shared.errors import Refused

MOST_EVENTS = 200


@dataclass(frozen=True, slots=True)
class Patient:
    """All of one code in one site: stays, the newest events, and what was corrected."""

    site: str
    code: str
    stays: list[Stay]
    events: list[Found]
    corrections: list[StayCorrection]


@dataclass(frozen=True, slots=True)
class Correction:
    """A stay's right code, the one that the asking person saw, and why."""

    stay_id: UUID
    code: str
    expected_code: str
    reason: str


async def patient(principal: Principal, site: str, code: str) -> Patient:
    """404, audited, when the site is not the principal's or never had this code, not even by mistake."""
    stays = await queries.stays_of_code(principal, site, code)
    ids = [row.stay_id for row in stays]
    corrections = await queries.corrections(principal, site, ids, code)
    if not stays and not corrections:
        await refuse(principal, f"{site} patient")
    events = await cloud.review.queries.of_stays(principal, ids, MOST_EVENTS)
    return Patient(site, code, stays, events, corrections)


async def correct(principal: Principal, wanted: Correction, now_ns: int) -> Stay:
    """Gives a stay, and the stays it was transferred from and to, the right code; events and labels hang on the stays.

    404, audited, when the stay is absent; 409 when its code was changed meanwhile, or the right code stays elsewhere at that
    time. Raises Refused when nothing would change, or the reason may identify a patient.
    """
    if wanted.code == wanted.expected_code:
        raise Refused("patient_code: it is the stay's code already.")
    if doubtful(wanted.reason):
        raise Refused("reason: it may identify a patient; say it without names, dates and numbers.")
    try:
        async with in_transaction() as connection:
            chain = await queries.linked_stays(connection, principal, wanted.stay_id)
            if chain:
                await _must_fit(connection, principal, chain, wanted)
                await _apply(connection, principal, chain, wanted, now_ns)
    except IntegrityError as error:
        raise HttpProblem(409, "This patient stays in another bed at the same time.") from error
    if not chain:
        await refuse(principal, str(wanted.stay_id))
    return next(row for row in chain if row.stay_id == wanted.stay_id)


async def _must_fit(connection: Connection, principal: Principal, chain: list[Stay], wanted: Correction) -> None:
    if any(row.patient_code != wanted.expected_code for row in chain):
        raise HttpProblem(409, "The code of this stay was changed meanwhile; load the page again.")
    others = await queries.stays_of_code(principal, chain[0].site, wanted.code, connection=connection)
    if any(_overlap(mine, other) for mine in chain for other in others):
        raise HttpProblem(409, "This patient stays in another bed at the same time.")


def _overlap(one: Stay, other: Stay) -> bool:
    ends = [2**63 if row.discharged_utc_ns is None else int(row.discharged_utc_ns) for row in (one, other)]
    return int(one.admitted_utc_ns) < ends[1] and int(other.admitted_utc_ns) < ends[0]


async def _apply(
    connection: Connection, principal: Principal, chain: list[Stay], wanted: Correction, now_ns: int
) -> None:
    for row in chain:
        row.patient_code = wanted.code
        row.holds_patient = f"{row.site}/{wanted.code}" if row.holds_patient else None
        await row.save(using_db=connection, update_fields=["patient_code", "holds_patient"])
        await StayCorrection.create(
            using_db=connection,
            site=row.site,
            stay_id=row.stay_id,
            from_code=wanted.expected_code,
            to_code=wanted.code,
            reason=wanted.reason,
            corrected_by=principal.name,
            corrected_utc_ns=now_ns,
        )
    site, subject = chain[0].site, str(wanted.stay_id)
    await audit.record(
        connection, principal, "stay_corrected", site=site, subject=subject, details={"stays": len(chain)}
    )
