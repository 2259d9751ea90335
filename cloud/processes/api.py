"""The api: the pages and interface for people, and the beds' interface by mutual TLS, in one process."""

from __future__ import annotations

import asyncio
import time
from uuid import UUID

import structlog

import cloud.labels.queries
import cloud.releases.bed_routes
from cloud.clips.routes import create_bed_app
from cloud.clips.service import ClipParts
from cloud.database import database_server, open_tables
from cloud.devices.bed_authority import BedAuthority
from cloud.devices.enrolment_routes import IdentityParts, create_enrolment_app, renewal_router
from cloud.devices.limits import BedLimits
from cloud.devices.revocation import RevocationFence, Revoked
from cloud.metrics import certificates_of, create_metrics_app
from cloud.objects import Objects
from cloud.principal import Principal
from cloud.processes.identity import trust_of
from cloud.processes.listeners import (
    Listener,
    bed_listener,
    enrolment_listener,
    metrics_listener,
    people_listener,
)
from cloud.processes.run import until_stopped
from cloud.schema import must_be_current
from cloud.settings import CloudSettings
from shared.review import Verdict

_log = structlog.get_logger(__name__)


async def run_api(settings: CloudSettings, stop: asyncio.Event) -> None:
    """Until `stop`. Raises Misconfigured for ports in use and certificates that are missing, before anything starts."""
    from cloud.app import create_people_app, parts_of

    objects = Objects(settings.objects)
    clip_parts = ClipParts.of(objects, settings.site.policy_of, _verdict_of, settings.beds.open_clips)
    limits = BedLimits(settings.beds, time.monotonic_ns)
    bed_app, revoked, identity = create_bed_app(clip_parts, limits), Revoked(), _identity_parts(settings)
    bed_app.include_router(cloud.releases.bed_routes.router)
    if identity is not None:
        bed_app.include_router(renewal_router(identity))
    of_beds = bed_listener(RevocationFence(bed_app, revoked), settings.beds, _beds_listening)
    of_people = people_listener(create_people_app(parts_of(settings, objects)), settings.people, _people_listening)
    listeners = [of_people, of_beds]
    if identity is not None and settings.authority.port:
        enrolment = create_enrolment_app(identity)
        listeners.append(enrolment_listener(enrolment, settings.authority, settings.beds, _enrolment_listening))
    if settings.metrics.port:
        figures = create_metrics_app(certificates_of(settings))
        listeners.append(metrics_listener(figures, settings.metrics, _metrics_listening))
    async with database_server(settings.database) as address, open_tables(address, settings.database.connections):
        await must_be_current(address)
        await revoked.look()
        await until_stopped(stop, revoked.run(), *(listener.serve() for listener in listeners))


def _identity_parts(settings: CloudSettings) -> IdentityParts | None:
    """What signs for beds; None where the settings name no authority of theirs."""
    if settings.authority.certificate_file is None:
        return None
    return IdentityParts(BedAuthority.open(settings.authority), trust_of(settings))


def _people_listening(listener: Listener) -> None:
    _log.info("people_listening", url=f"http://{listener.host}:{listener.port}")


def _beds_listening(listener: Listener) -> None:
    _log.info("beds_listening", host=listener.host, port=listener.port)


def _enrolment_listening(listener: Listener) -> None:
    _log.info("enrolment_listening", host=listener.host, port=listener.port)


def _metrics_listening(listener: Listener) -> None:
    _log.info("metrics_listening", host=listener.host, port=listener.port)


async def _verdict_of(event_id: UUID) -> Verdict | None:
    found = await cloud.labels.queries.newest(Principal.system("api"), [event_id])
    return Verdict(found[event_id].verdict) if event_id in found else None
