"""What happens to releases: uploaded, checked and signed; made a candidate; given to beds by signed orders; rolled back."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import cloud.devices.queries
from cloud import audit
from cloud.accounts.service import refuse
from cloud.database import Connection, in_transaction
from cloud.devices.service import set_desired
from cloud.objects import Objects
from cloud.principal import Principal
from cloud.problems import HttpProblem
from cloud.releases import queries
from cloud.releases.tables import Release, ReleaseGiven
from shared.contract import read_contract
from shared.detector_stream import state_size
from shared.errors import Refused
from shared.onnx_file import check_onnx
from shared.release import CARD_LIMIT_BYTES, FILE_LIMIT_BYTES, ReleaseCard
from shared.release_order import ReleaseOrder, card_digest, sign_card, sign_order

MOST_BEDS = 500
CHAMPION, ROLLBACK = "champion", "rollback"


@dataclass(frozen=True, slots=True)
class Giver:
    """Who gives, with what key, when. Without a key nothing is signed, and so nothing uploaded or given."""

    principal: Principal
    key: Ed25519PrivateKey | None
    now_ns: int

    def signing_key(self) -> Ed25519PrivateKey:
        """Raises HttpProblem 409 where the installation has none."""
        if self.key is None:
            raise HttpProblem(409, "This installation has no key that signs releases: set releases.signing_key_file.")
        return self.key


def file_key(sha256: str) -> str:
    """Where a release's file lies in the object store."""
    return f"releases/{sha256}"


async def upload(giver: Giver, objects: Objects, card_json: bytes, content: bytes) -> Release:
    """Checks card and file against each other, signs the card and keeps both. The same again is what is there.

    Raises Refused for a card that lies and a file that no bed would take, HttpProblem 409 for a name with other bytes.
    """
    key = giver.signing_key()
    card = read_contract(ReleaseCard, card_json, CARD_LIMIT_BYTES)
    must_fit(card, content)
    before = await queries.one(card.name)
    if before is not None:
        if before.file_sha256 != card.sha256:
            raise HttpProblem(409, f"A release {card.name} with another file is here; give this one another name.")
        return before
    await objects.put(file_key(card.sha256), content)
    await asyncio.to_thread(objects.settle, file_key(card.sha256))
    async with in_transaction() as connection:
        row = await Release.create(
            using_db=connection,
            name=card.name,
            kind=card.kind,
            card=sign_card(card, key).model_dump(mode="json", exclude_none=True),
            file_sha256=card.sha256,
            size_bytes=len(content),
            uploaded_by=giver.principal.name[:64],
            uploaded_utc_ns=giver.now_ns,
        )
        details: dict[str, audit.Detail] = {"kind": card.kind, "sha256": card.sha256}
        await audit.record(connection, giver.principal, "release_uploaded", subject=card.name, details=details)
    return row


def must_fit(card: ReleaseCard, content: bytes) -> None:
    """Raises Refused where the file is not the card's, or a detector's file would be refused by every bed."""
    if len(content) > FILE_LIMIT_BYTES[card.kind]:
        raise Refused(
            f"Release {card.name}: its file has {len(content)} bytes; a {card.kind} may have {FILE_LIMIT_BYTES[card.kind]}."
        )
    found = hashlib.sha256(content).hexdigest()
    if found != card.sha256:
        raise Refused(f"Release {card.name}: its file has SHA-256 {found[:12]}…; its card says {card.sha256[:12]}….")
    if card.kind == "detector":
        if card.trigger is None:
            raise Refused(f"Release {card.name}: the card has no trigger; a detector needs one.")
        state_size(card)
        check_onnx(content, card.name, card.input.onnx_opset)


async def make_candidate(giver: Giver, name: str, *, candidate: bool) -> Release:
    """Says that a release may be given to beds, or no longer. 404, audited, when there is none."""
    async with in_transaction() as connection:
        row = await queries.one(name, connection=connection)
        if row is not None:
            row.candidate = candidate
            await row.save(using_db=connection, update_fields=["candidate"])
            deed = "release_made_candidate" if candidate else "release_withdrawn"
            await audit.record(connection, giver.principal, deed, subject=name)
    return row if row is not None else await refuse(giver.principal, name)


async def make_champion(giver: Giver, name: str, beds: Sequence[tuple[str, str]]) -> list[ReleaseGiven]:
    """Orders these beds (site, bed) to run a candidate, all or none. 404, audited, for what is absent or not the principal's.

    Raises Refused for a release that is no detector or no candidate.
    """
    key = giver.signing_key()
    row = await queries.one(name)
    if row is None:
        await refuse(giver.principal, name)
    if row.kind != "detector" or not row.candidate:
        raise Refused(f"Release {name} is no candidate detector; beds are given candidates alone.")
    await _must_know(giver.principal, beds)
    async with in_transaction() as connection:
        return [await _order(connection, giver, key, row, bed, CHAMPION) for bed in sorted(set(beds))]


async def roll_back(giver: Giver, beds: Sequence[tuple[str, str]]) -> list[ReleaseGiven]:
    """Orders each of these beds to run again what it was ordered to run before its present release, all or none.

    404 as `make_champion`; raises Refused for a bed that was never ordered to run another.
    """
    key = giver.signing_key()
    await _must_know(giver.principal, beds)
    async with in_transaction() as connection:
        given = []
        for site, bed in sorted(set(beds)):
            orders = await queries.orders(connection, site, bed)
            before = next((order.release for order in orders if order.release != orders[0].release), None)
            row = await queries.one(before, connection=connection) if before else None
            if row is None:
                raise Refused(f"Bed {bed} of {site} was never ordered to run another release before.")
            given.append(await _order(connection, giver, key, row, (site, bed), ROLLBACK))
        return given


async def _must_know(principal: Principal, beds: Sequence[tuple[str, str]]) -> None:
    for site, bed in beds:
        if await cloud.devices.queries.bed(principal, site, bed) is None:
            await refuse(principal, f"{site}.{bed}")


async def _order(
    connection: Connection, giver: Giver, key: Ed25519PrivateKey, row: Release, place: tuple[str, str], deed: str
) -> ReleaseGiven:
    site, bed = place
    await connection.execute_query("SELECT id FROM bed WHERE site = $1 AND name = $2 FOR UPDATE", [site, bed])
    newest = await queries.orders(connection, site, bed)
    card = ReleaseCard.model_validate(row.card)
    order = sign_order(
        ReleaseOrder(
            site=site,
            bed=bed,
            number=newest[0].number + 1 if newest else 1,
            release=row.name,
            card_sha256=card_digest(card),
            issued_utc_ns=giver.now_ns,
        ),
        key,
    )
    body: dict[str, Any] = order.model_dump(mode="json")
    await set_desired(connection, giver.principal, site, bed, release=row.name, order=body)
    given = await ReleaseGiven.create(
        using_db=connection,
        site=site,
        bed=bed,
        number=order.number,
        release=row.name,
        deed=deed,
        body=body,
        given_by=giver.principal.name[:64],
        given_utc_ns=giver.now_ns,
    )
    details: dict[str, audit.Detail] = {"release": row.name, "number": order.number, "deed": deed}
    await audit.record(
        connection, giver.principal, "release_given", site=site, subject=f"{site}.{bed}", details=details
    )
    return given
