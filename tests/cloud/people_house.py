"""The people's real application on the real database of a test: persons with live sessions, beds, events, stored clips."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from cloud.accounts.routes import COOKIE
from cloud.accounts.tables import Account, PersonSession, SiteGrant
from cloud.app import PeopleParts, create_people_app
from cloud.audit.tables import AuditEntry
from cloud.classify.tables import Classification
from cloud.clips.tables import Clip, ClipObject, Event, StoredObject
from cloud.database import in_transaction
from cloud.datasets.parquet import to_parquet
from cloud.datasets.rules import Row
from cloud.datasets.service import manifest_key
from cloud.datasets.tables import Dataset
from cloud.devices.service import ensure_bed
from cloud.objects import Objects, object_key
from cloud.pulls.tables import Pull
from cloud.references.tables import ReferenceList
from cloud.releases.service import Releases
from cloud.review.service import open_task, rank_again
from cloud.settings import ObjectsSection
from cloud.stays.tables import Stay
from shared.clip import ClipManifest, ManifestSegment, ProxyFile, ScoreSample
from shared.clock import NS_PER_S
from shared.event import EventCause
from shared.frame import Stream
from shared.gap import Gap, GapCause
from shared.ids import uuid7

ORIGIN = "http://people.test"
BOOT = "5e0f6c1a-6f0e-4f6b-9a58-2f3d7a1b9c0d"
FIRST_UTC_NS = 1_780_000_000 * NS_PER_S
NO_HASH = "no password opens this account"
VIDEO = bytes(range(256)) * 40
_ROW = Row(
    event_id="0",
    site="",
    patient="p-1",
    split="train",
    klass="confirmed",
    verdict="confirmed",
    epilepsy_class="",
    label_version=1,
    annotation_versions="",
    readers=1,
    suggestion_shown=False,
    start_ns=0,
    end_ns=1,
    first_frame=0,
    end_frame=1,
    ir_sha256="a" * 64,
    ir_bytes=1,
    depth_sha256="",
    depth_bytes=0,
    segments=(),
)


def dataset_of(site: str) -> tuple[str, bytes]:
    """Hash and bytes of a manifest of one clip of this site."""
    return to_parquet([_ROW._replace(site=site)], {})


@dataclass
class SetClock:
    """A clock that stands until it is set."""

    now_ns: int = FIRST_UTC_NS
    boot_id: str = BOOT

    def monotonic_ns(self) -> int:
        return self.now_ns

    def utc_ns(self) -> int:
        return self.now_ns


@dataclass
class House:
    """What a test holds in its hands."""

    folder: Path
    clock: SetClock
    objects: Objects
    parts: PeopleParts
    app: Any
    stack: AsyncExitStack
    events: int = field(default=0)

    async def stranger(self, **headers: str) -> httpx.AsyncClient:
        """A client without a session, from this site's own pages unless the headers say otherwise."""
        transport = httpx.ASGITransport(self.app)
        client = httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers={"origin": ORIGIN, **headers})
        return await self.stack.enter_async_context(client)

    async def account(self, name: str, role: str, *sites: str) -> Account:
        account = await Account.create(name=name, password_hash=NO_HASH, role=role, created_utc_ns=self.clock.now_ns)
        for site in sites:
            await SiteGrant.create(account=account, site=site)
        return account

    async def person(self, name: str, role: str = "clinician", *sites: str) -> httpx.AsyncClient:
        """A client with a live session of a new account."""
        await self.account(name, role, *(sites or ("north",)))
        client = await self.stranger()
        client.cookies.set(COOKIE, await self.session(name))
        return client

    async def session(self, name: str) -> str:
        """Makes the account's one session live, without asking for a password. Returns its token."""
        token = f"token-of-{name}"
        times = {"created_utc_ns": self.clock.now_ns, "used_utc_ns": self.clock.now_ns}
        digest = hashlib.sha256(token.encode()).hexdigest()
        await PersonSession.update_or_create(token_sha256=digest, defaults={"account_id": name, **times})
        return token

    async def bed(self, site: str = "north", name: str = "bed-1") -> None:
        async with in_transaction() as connection:
            await ensure_bed(connection, site, name)

    async def event(self, site: str = "north", bed: str = "bed-1", **wanted: Any) -> UUID:
        """An event of 20 s that began 30 s into its clip, with its review task."""
        self.events += 1
        start_ns = 1_000 * NS_PER_S * self.events
        event_id = uuid7(self.clock.now_ns)
        fields: dict[str, Any] = {
            "sequence": self.events,
            "revision": 2,
            "phase": "closed",
            "cause": EventCause.detector.value,
            "stay_id": None,
            "boot_id": BOOT,
            "start_mono_ns": start_ns,
            "end_mono_ns": start_ns + 20 * NS_PER_S,
            "clip_start_mono_ns": start_ns - 30 * NS_PER_S,
            "clip_end_mono_ns": start_ns + 40 * NS_PER_S,
            "start_utc_ns": FIRST_UTC_NS + start_ns,
            "end_utc_ns": FIRST_UTC_NS + start_ns + 20 * NS_PER_S,
            "peak_score": 0.8,
            "motor_type": "tonic_clonic",
            "release": "detector-v0",
            "received_at_ns": self.clock.now_ns,
            "updated_at_ns": self.clock.now_ns,
        }
        async with in_transaction() as connection:
            row = await Event.create(using_db=connection, event_id=event_id, site=site, bed=bed, **{**fields, **wanted})
            await open_task(connection, row.event_id, site)
        return event_id

    async def clip(self, event_id: UUID, video: bytes = VIDEO, *, stored: bool = True) -> None:
        """The event's clip with an IR proxy of two frames; `stored`: its bytes are in the store."""
        event = await Event.get(event_id=event_id)
        manifest = manifest_of(event, video)
        proxy = manifest.proxies[0]
        now_ns = self.clock.now_ns
        await Clip.create(
            event_id=event_id,
            site=event.site,
            bed=event.bed,
            manifest=manifest.model_dump(mode="json"),
            raw_decision="wait",
            proxies_wanted=1,
            proxies_stored=int(stored),
            segments_wanted=1,
            bytes_wanted=proxy.size_bytes * 4,
            bytes_stored=proxy.size_bytes if stored else 0,
            told_at_ns=now_ns,
            proxies_stored_at_ns=now_ns if stored else None,
        )
        await ClipObject.create(
            event_id=event_id,
            site=event.site,
            bed=event.bed,
            sha256=proxy.sha256,
            size_bytes=proxy.size_bytes,
            kind="proxy",
            stream="ir",
            position=0,
        )
        if stored:
            await StoredObject.get_or_create(
                site=event.site, sha256=proxy.sha256, defaults={"size_bytes": proxy.size_bytes, "stored_at_ns": now_ns}
            )
            await self.objects.put(object_key(event.site, proxy.sha256), video)

    async def classification(self, event_id: UUID, **shares: float) -> None:
        """What the network says of an event: its classes by name (non_epileptic for non-epileptic), one window."""
        event = await Event.get(event_id=event_id)
        probabilities = {name.replace("_", "-"): share for name, share in shares.items()}
        async with in_transaction() as connection:
            await Classification.create(
                using_db=connection,
                event_id=event_id,
                site=event.site,
                release="i3d-narrow-v1",
                best=max(probabilities, key=lambda name: probabilities[name]),
                probabilities=probabilities,
                windows=[{"start_ns": 0, "probabilities": {"FLE": 1.0}}],
                simulated=True,
                seconds_spent=1.5,
                frames=60,
                classified_utc_ns=FIRST_UTC_NS,
            )
            await rank_again(connection, event_id, event.site)

    async def pull(self, pull_id: UUID, site: str = "north", bed: str = "bed-1", **wanted: Any) -> Pull:
        """A span of a quarter of an hour that somebody asked for."""
        now_ns = self.clock.now_ns
        fields: dict[str, Any] = {
            "cause": EventCause.pull.value,
            "start_utc_ns": now_ns - 900 * NS_PER_S,
            "end_utc_ns": now_ns,
            "asked_by": "ann",
            "asked_at_ns": now_ns,
            "expires_at_ns": now_ns + 3600 * NS_PER_S,
            "state": "asked",
        }
        return await Pull.create(pull_id=pull_id, site=site, bed=bed, **{**fields, **wanted})

    async def stay(self, stay_id: UUID, site: str = "north", bed: str = "bed-1", **wanted: Any) -> Stay:
        """A stay of the last hour that is over in a minute."""
        now_ns = self.clock.now_ns
        fields: dict[str, Any] = {
            "patient_code": "PT-7KQ2M",
            "admitted_utc_ns": now_ns - 3600 * NS_PER_S,
            "discharged_utc_ns": now_ns + 60 * NS_PER_S,
        }
        return await Stay.create(stay_id=stay_id, site=site, bed=bed, **{**fields, **wanted})

    async def references(self, stay_id: UUID, site: str = "north") -> None:
        """A stay with an imported file of no seizure, both under this id."""
        await self.stay(stay_id, site)
        await ReferenceList.create(
            list_id=stay_id,
            site=site,
            stay_id=stay_id,
            name="before.tsv",
            file_sha256="b" * 64,
            settings="",
            clock_offset_ns=0,
            seizures=0,
            passed_over=0,
            imported_by="ann",
            imported_at_ns=self.clock.now_ns,
        )

    async def dataset(self, site: str = "north") -> None:
        """The dataset of `dataset_of(site)`."""
        sha256, content = dataset_of(site)
        await self.objects.put(manifest_key(sha256), content)
        await Dataset.create(
            site=site,
            name="emu",
            version=1,
            manifest_sha256=sha256,
            manifest_bytes=len(content),
            sites=1,
            clips=1,
            patients=1,
            clips_here=1,
            counts={},
            left_out={},
            query={},
            frozen_by="sam",
            frozen_utc_ns=self.clock.now_ns,
        )

    async def deeds(self, site: str) -> list[tuple[str, str, str]]:
        """(who, deed, subject) of every entry of the site's audit chain, in order."""
        rows = await AuditEntry.filter(site=site).order_by("number")
        return [(row.who, row.deed, row.subject) for row in rows]


def manifest_of(event: Event, video: bytes) -> ClipManifest:
    """A manifest as the bed of this event would send it."""
    zero_ns = event.clip_start_mono_ns
    utc_ns = event.start_utc_ns - 30 * NS_PER_S
    return ClipManifest(
        event_id=event.event_id,
        boot_id=BOOT,
        start_mono_ns=zero_ns,
        end_mono_ns=event.clip_end_mono_ns,
        start_utc_ns=utc_ns,
        segments=[
            ManifestSegment(
                sha256="a" * 64,
                size_bytes=3 * len(video),
                sequence=7,
                start_mono_ns=zero_ns,
                end_mono_ns=event.clip_end_mono_ns,
                start_utc_ns=utc_ns,
                frames={Stream.ir: 2_100},
            )
        ],
        proxies=[
            ProxyFile(
                stream=Stream.ir,
                sha256=hashlib.sha256(video).hexdigest(),
                size_bytes=len(video),
                codec="avc1.42c01e",
                width=512,
                height=424,
                frame_mono_ns=[zero_ns + 10, zero_ns + 20],
            )
        ],
        gaps=[
            Gap(
                stream=Stream.ir,
                cause=GapCause.bus,
                boot_id=BOOT,
                start_mono_ns=zero_ns + 100,
                end_mono_ns=zero_ns + 200,
                start_utc_ns=utc_ns + 100,
                end_utc_ns=utc_ns + 200,
                missing_frames=3,
            )
        ],
        coverage={Stream.ir: 0.99},
        scores=[ScoreSample(mono_ns=zero_ns + 50, value=0.25)],
    )


@asynccontextmanager
async def open_house(folder: Path) -> AsyncIterator[House]:
    """The application over an empty store and no releases; the test's database must be open."""
    clock = SetClock()
    objects = Objects(ObjectsSection(url=(folder / "objects").as_uri()))
    parts = PeopleParts(
        clock=clock,
        objects=objects,
        releases=Releases(folder / "releases"),
        version="0.1.0",
        commit="abc1234",
        web_folder=folder / "web",
        secure_cookies=False,
    )
    async with AsyncExitStack() as stack:
        yield House(folder, clock, objects, parts, create_people_app(parts), stack)
