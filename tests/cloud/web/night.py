"""A ward at twenty past three: four beds, their stays, two weeks of events, a clip to watch, pulls and reference seizures.

Made for looking at the pages: everything on them has something to show. Patients, beds and readers are made up.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from cloud.classify.tables import Classification
from cloud.clips.tables import Clip, ClipObject, Event, StoredObject
from cloud.database import in_transaction
from cloud.devices.service import note_heartbeat, note_state
from cloud.devices.tables import BedConnection, BedHeartbeat
from cloud.ingest.tables import DeadLetter, DifferenceRow
from cloud.labels.tables import AnnotationVersion, Label
from cloud.objects import object_key
from cloud.references.tables import ReferenceList, ReferenceSeizure
from cloud.review.rules import rank_of, urgency_of
from cloud.review.tables import Claim, Review, ReviewTask, SavedView
from cloud.stays.tables import StayCorrection
from shared.clip import ClipManifest, ManifestSegment, ProxyFile
from shared.clock import NS_PER_S
from shared.event import EventCause
from shared.frame import Stream
from shared.gap import Gap, GapCause
from shared.heartbeat import BedState, ClockHealth, Heartbeat, HourCoverage, ProcessHealth, StreamCoverage
from shared.ids import uuid7
from shared.live_view import LiveHealth
from tests.cloud.people_house import BOOT, House
from tests.cloud.web.ward_clip import CLASSIFIER, DETECTOR, WardClip

ZONE = "Europe/Berlin"
NOW_NS = 1_781_227_200 * NS_PER_S
"""Friday, 12 June 2026, 03:20 in the zone."""
MINUTE_NS, HOUR_NS, DAY_NS = 60 * NS_PER_S, 3600 * NS_PER_S, 24 * 3600 * NS_PER_S
PATIENTS = {"bed-1": "PT-7KQ2M", "bed-2": "PT-3WXN8", "bed-3": "PT-9DLF4"}
TONIGHT: tuple[tuple[int, str, str, float, float | None], ...] = (
    (41, "bed-2", "hyperkinetic", 0.87, 0.05), (66, "bed-3", "automotor", 0.71, 0.31), (95, "bed-2", "hyperkinetic", 0.93, 0.02),
    (118, "bed-1", "rhythmic_other", 0.64, 0.88), (160, "bed-3", "tonic", 0.78, 0.12), (204, "bed-1", "automotor", 0.82, None),
    (237, "bed-2", "psychogenic", 0.69, 0.91), (301, "bed-3", "unknown", 0.61, 0.55),
)  # fmt: skip
"""Minutes ago, bed, kind, peak score, the classifier's share against a seizure (None: not classified)."""


@dataclass(frozen=True)
class Night:
    """What a tour of the pages looks at."""

    seizure: UUID
    awaited: UUID
    stay_id: UUID


async def fill_night(house: House, clip: WardClip) -> Night:
    """Fills the house of a site north; `clip` is of the seizure in bed-1, seven minutes ago."""
    house.clock.now_ns = NOW_NS
    for name, role in (("ana", "clinician"), ("ben", "clinician"), ("olga", "admin"), ("dora", "dpo")):
        await house.account(name, role, "north")
    await house.account("new", "clinician", "south")
    stays = {bed: uuid7(NOW_NS) for bed in PATIENTS}
    for number, (bed, code) in enumerate(PATIENTS.items()):
        admitted = NOW_NS - (2 + number) * DAY_NS
        await house.stay(
            stays[bed], bed=bed, patient_code=code, admitted_utc_ns=admitted, discharged_utc_ns=None,
            holds_bed=f"north/{bed}", holds_patient=f"north/{code}",
        )  # fmt: skip
    for number in range(4):
        await _bed(house, f"bed-{number + 1}", stays.get(f"bed-{number + 1}"))
    seizure = await _seizure(house, clip, stays["bed-1"])
    objects = await ClipObject.filter(event_id=seizure)
    rows = [await _event(house, stays, *told) for told in TONIGHT]
    awaited = rows[0]
    for event_id in rows[1:]:
        await _watchable(event_id, seizure, objects)
    await _earlier_nights(house, stays)
    await _people_at_work(seizure, rows)
    await _pulls(house, clip, stays["bed-1"], seizure)
    await _references(house, stays["bed-1"], seizure)
    await _for_ops(house)
    return Night(seizure, awaited, stays["bed-1"])


async def _event(
    house: House, stays: dict[str, UUID], minutes: float, bed: str, kind: str, peak: float, against: float | None,
    length_s: int = 34, **wanted: Any,
) -> UUID:  # fmt: skip
    start_ns = NOW_NS - round(minutes * MINUTE_NS)
    fields = {"start_utc_ns": start_ns, "end_utc_ns": start_ns + length_s * NS_PER_S, "received_at_ns": start_ns}
    event_id = await house.event(bed=bed, motor_type=kind, peak_score=peak, stay_id=stays[bed], **{**fields, **wanted})
    if "end_mono_ns" not in wanted:
        start_mono_ns = (await Event.get(event_id=event_id)).start_mono_ns
        await Event.filter(event_id=event_id).update(end_mono_ns=start_mono_ns + length_s * NS_PER_S)
    shares = _shares(kind, against)
    if shares:
        await _classified(event_id, start_ns, shares, [(0, shares)])
    rank = rank_of(EventCause.detector, kind, peak, shares)
    await ReviewTask.filter(event_id=event_id).update(
        bed=bed, motor_type=kind, rank=rank.value, rank_reason=rank.reason, start_utc_ns=start_ns,
        urgency=urgency_of(rank.value, start_ns), opened_utc_ns=start_ns,
    )  # fmt: skip
    return event_id


def _shares(kind: str, against: float | None) -> dict[str, float] | None:
    if against is None:
        return None
    frontal = (1 - against) * (0.8 if kind in {"hyperkinetic", "tonic"} else 0.25)
    return {"FLE": round(frontal, 3), "TLE": round(1 - against - frontal, 3), "non-epileptic": against}


async def _classified(
    event_id: UUID, at_ns: int, shares: dict[str, float], windows: list[tuple[int, dict[str, float]]]
) -> None:
    told = [{"start_ns": start_ns, "probabilities": each} for start_ns, each in windows]
    await Classification.create(
        event_id=event_id, site="north", release=CLASSIFIER, best=max(shares, key=lambda name: shares[name]),
        probabilities=shares, windows=told, simulated=True, seconds_spent=21.0, frames=3000, classified_utc_ns=at_ns,
    )  # fmt: skip


async def _seizure(house: House, clip: WardClip, stay_id: UUID) -> UUID:
    shift = clip.utc_less_mono_ns
    event_id = await _event(
        house, {"bed-1": stay_id}, 0, "bed-1", "tonic_clonic", 0.99, None,
        start_mono_ns=clip.event_ns[0], end_mono_ns=clip.event_ns[1], clip_start_mono_ns=clip.start_ns,
        clip_end_mono_ns=clip.end_ns, start_utc_ns=clip.event_ns[0] + shift, end_utc_ns=clip.event_ns[1] + shift,
    )  # fmt: skip
    start_ns = clip.event_ns[0] + shift
    rank = rank_of(EventCause.detector, "tonic_clonic", 0.99, clip.probabilities)
    await ReviewTask.filter(event_id=event_id).update(
        rank=rank.value, rank_reason=rank.reason, start_utc_ns=start_ns, urgency=urgency_of(rank.value, start_ns)
    )
    await _classified(event_id, start_ns, clip.probabilities, clip.windows)
    await _stored(house, event_id, clip)
    return event_id


async def _stored(house: House, event_id: UUID, clip: WardClip) -> None:
    manifest = _manifest(event_id, clip)
    size = sum(entry.size_bytes for entry in (*manifest.segments, *manifest.proxies))
    await Clip.create(
        event_id=event_id, site="north", bed="bed-1", manifest=manifest.model_dump(mode="json"), raw_decision="send",
        proxies_wanted=len(clip.proxies), proxies_stored=len(clip.proxies), segments_wanted=len(clip.segments),
        segments_stored=len(clip.segments), bytes_wanted=size, bytes_stored=size, told_at_ns=NOW_NS - 5 * MINUTE_NS,
        proxies_stored_at_ns=NOW_NS - 5 * MINUTE_NS, stored_at_ns=NOW_NS - 4 * MINUTE_NS,
    )  # fmt: skip
    objects: list[tuple[ProxyFile | ManifestSegment, Path]] = [*clip.proxies, *clip.segments]
    for position, (entry, path) in enumerate(objects):
        proxy = isinstance(entry, ProxyFile)
        await ClipObject.create(
            event_id=event_id, site="north", bed="bed-1", sha256=entry.sha256, size_bytes=entry.size_bytes,
            kind="proxy" if proxy else "segment", stream=entry.stream.value if isinstance(entry, ProxyFile) else None,
            position=position,
        )  # fmt: skip
        await StoredObject.create(site="north", sha256=entry.sha256, size_bytes=entry.size_bytes, stored_at_ns=NOW_NS)
        await house.objects.put(object_key("north", entry.sha256), path)


def _manifest(event_id: UUID, clip: WardClip) -> ClipManifest:
    shift, (lost, back) = clip.utc_less_mono_ns, clip.lost_ns
    gaps = [
        Gap(
            stream=stream, cause=GapCause.bus, boot_id=BOOT, start_mono_ns=lost, end_mono_ns=back,
            start_utc_ns=lost + shift, end_utc_ns=back + shift, missing_frames=(back - lost) * 30 // NS_PER_S,
        )
        for stream in (Stream.ir, Stream.depth)
    ]  # fmt: skip
    return ClipManifest(
        event_id=event_id, boot_id=BOOT, start_mono_ns=clip.start_ns, end_mono_ns=clip.end_ns,
        start_utc_ns=clip.start_ns + shift, segments=[entry for entry, _ in clip.segments],
        proxies=[proxy for proxy, _ in clip.proxies], gaps=gaps,
        coverage={Stream.ir: 0.985, Stream.depth: 0.985, Stream.colour: 1.0}, scores=clip.scores,
    )  # fmt: skip


async def _watchable(event_id: UUID, like: UUID, objects: list[ClipObject]) -> None:
    """Its videos are here: those of the seizure, so that a row's preview moves."""
    event, pattern = await Event.get(event_id=event_id), await Clip.get(event_id=like)
    shift = event.clip_start_mono_ns - int(str(pattern.manifest["start_mono_ns"]))
    manifest = ClipManifest.model_validate(pattern.manifest)
    proxies = [
        proxy.model_copy(update={"frame_mono_ns": [at + shift for at in proxy.frame_mono_ns]})
        for proxy in manifest.proxies
    ]
    told = manifest.model_copy(
        update={"event_id": event_id, "start_mono_ns": event.clip_start_mono_ns, "gaps": [], "scores": [], "proxies": proxies,
                "end_mono_ns": event.clip_end_mono_ns, "start_utc_ns": event.start_utc_ns - 30 * NS_PER_S}
    )  # fmt: skip
    size = sum(row.size_bytes for row in objects)
    kept = sum(row.size_bytes for row in objects if row.kind == "proxy")
    await Clip.create(
        event_id=event_id, site="north", bed=event.bed, manifest=told.model_dump(mode="json"), raw_decision="wait",
        proxies_wanted=3, proxies_stored=3, segments_wanted=pattern.segments_wanted, bytes_wanted=size, bytes_stored=kept,
        told_at_ns=event.start_utc_ns, proxies_stored_at_ns=event.start_utc_ns,
    )  # fmt: skip
    for row in objects:
        if row.kind == "proxy":
            await ClipObject.create(
                event_id=event_id, site="north", bed=event.bed, sha256=row.sha256, size_bytes=row.size_bytes,
                kind="proxy", stream=row.stream, position=row.position,
            )  # fmt: skip


async def _earlier_nights(house: House, stays: dict[str, UUID]) -> None:
    """Two weeks of nights; the older ones are read to the end."""
    kinds = ("hyperkinetic", "automotor", "rhythmic_other", "tonic_clonic", "psychogenic")
    for night in range(1, 13):
        for number in range((night * 7) % 5 + (night % 3)):
            minutes = night * 1440 + 37 * number + 11 * night
            bed = f"bed-{(night + number) % 3 + 1}"
            event_id = await _event(
                house, stays, minutes, bed, kinds[(night + number) % 5], 0.62 + 0.03 * number, 0.7 - 0.1 * number
            )
            if night > 3 or number % 3 == 0:
                await _read(event_id, "ben", "rejected" if number % 2 else "confirmed", NOW_NS - night * DAY_NS)


async def _read(event_id: UUID, who: str, verdict: str, at_ns: int) -> None:
    await Review.create(
        event_id=event_id, site="north", reviewer=who, version=1, verdict=verdict, suggestion_shown=True, reviewed_utc_ns=at_ns
    )  # fmt: skip
    await Label.create(event_id=event_id, site="north", verdict=verdict, version=1, readers=1, agreed_utc_ns=at_ns)
    await ReviewTask.filter(event_id=event_id).update(state="reviewed", reviewed_utc_ns=at_ns)


async def _people_at_work(seizure: UUID, rows: list[UUID]) -> None:
    await Claim.create(
        event_id=rows[2],
        site="north",
        holder="ben",
        taken_utc_ns=NOW_NS - MINUTE_NS,
        expires_utc_ns=NOW_NS + 2 * MINUTE_NS,
    )
    await Claim.create(
        event_id=rows[4], site="north", holder="ben", taken_utc_ns=NOW_NS - HOUR_NS, expires_utc_ns=NOW_NS - 40 * MINUTE_NS
    )  # fmt: skip
    await SavedView.create(
        account="ana", name="Bed 2, hyperkinetic", saved_utc_ns=NOW_NS - DAY_NS,
        filters={"state": "open", "bed": "bed-2", "motor_type": "hyperkinetic"},
    )  # fmt: skip
    marks = (
        ("head-version", 1, 9, "left", "head"), ("tonic", 6, 22, "left", "arm"), ("clonic", 20, 52, "left", "arm"),
        ("oral-automatism", 3, 8, None, "mouth"), ("eye-version", 1, 7, "left", "eyes"),
    )  # fmt: skip
    body = {
        "onset": {"at_ns": 30 * NS_PER_S, "kind": "clinical"}, "offset": {"at_ns": 90 * NS_PER_S, "kind": "clinical"},
        "ilae_2025": "focal-to-bilateral-tonic-clonic", "epilepsy_class": "TLE", "consciousness": "impaired", "sleep_state": "asleep",
        "mois": [
            {"id": f"m{number}", "term": term, "start_ns": (30 + start) * NS_PER_S, "end_ns": (30 + end) * NS_PER_S,
             "laterality": side, "body_part": part, "confidence": "high" if number else "medium"}
            for number, (term, start, end, side, part) in enumerate(marks)
        ],
        "comment": "", "comment_checked": False,
    }  # fmt: skip
    await AnnotationVersion.create(
        event_id=seizure, site="north", annotator="ana", version=3, body=body, suggestion_shown=True,
        saved_utc_ns=NOW_NS - MINUTE_NS,
    )  # fmt: skip


async def _bed(house: House, bed: str, stay_id: UUID | None) -> None:
    """bed-1 is well, bed-2 lost an hour in the evening, bed-3 is offline, bed-4 is empty."""
    offline = bed == "bed-3"
    await house.bed("north", bed)
    async with in_transaction() as connection:
        await note_state(connection, "north", bed, BedState(online=not offline, session=3, version="0.1.0"))
        await note_heartbeat(connection, "north", bed, _heartbeat(bed, stay_id))
    heard_ns = NOW_NS - (25 * MINUTE_NS if offline else 2 * NS_PER_S)
    await BedHeartbeat.filter(bed=bed).update(received_at_ns=heard_ns)
    await BedConnection.filter(bed=bed).update(changed_at_ns=heard_ns)


def _heartbeat(bed: str, stay_id: UUID | None) -> Heartbeat:
    names = ("capture", "recorder", "detector", "publisher", "proxy", "uploader", "evictor", "heartbeat")
    hour_ns = NOW_NS // HOUR_NS * HOUR_NS
    trouble, empty = bed == "bed-2", stay_id is None
    return Heartbeat(
        boot_id=BOOT, mono_ns=HOUR_NS, utc_ns=NOW_NS, version="0.1.0+abc1234", release=None if empty else DETECTOR,
        stay_id=stay_id, paused=False, camera="open",
        coverage_1h={} if empty else {Stream.ir: 0.998, Stream.depth: 0.998, Stream.colour: 0.94 if trouble else 1.0},
        coverage_hours=[] if empty else [_hour(hour_ns - back * HOUR_NS, trouble, back) for back in range(23, -1, -1)],
        clock=ClockHealth(device_drift_ppm=-12.4, clock_error_ns=4_000_000, utc_error_ns=2_000_000, faults={}),
        last_frame_age_s=0.03, last_score=None if empty else 0.04, ring_bytes=3_900_000_000_000,
        ring_hours=0.0 if empty else 46.3, promise_hours=58.0 if trouble else 76.0, disk_free_bytes=2_000_000_000_000,
        outbox_waiting=0, clips_waiting=2 if bed == "bed-3" else 0, pinned_bytes=10**10, dropped_frames=12,
        live=LiveHealth(private=bed == "bed-2", most_viewers=5),
        alarms=["The disk holds 58 hours of this recording; 72 are promised."] if trouble else [],
        processes=[
            ProcessHealth(name=name, running=True, restarts=int(trouble and name == "capture"), progress_age_s=0.4,
                          core_share=0.31 if name == "recorder" else 0.04, rss_bytes=90_000_000)
            for name in names
        ],
    )  # fmt: skip


def _hour(start_ns: int, trouble: bool, back: int) -> HourCoverage:
    whole = StreamCoverage(recorded=1.0, wanted=1.0)
    now = StreamCoverage(recorded=0.33, wanted=0.33)
    lost = StreamCoverage(recorded=0.42, wanted=1.0, lost={GapCause.source: 0.58})
    paused = StreamCoverage(recorded=0.5, wanted=0.5, not_wanted={GapCause.privacy_pause: 0.5})
    told = now if back == 0 else lost if trouble and back == 6 else paused if back == 19 else whole
    return HourCoverage(start_utc_ns=start_ns, streams=dict.fromkeys((Stream.ir, Stream.depth, Stream.colour), told))


async def _pulls(house: House, clip: WardClip, stay_id: UUID, event_id: UUID) -> None:
    part = {
        "event_id": str(event_id), "boot_id": BOOT, "stay_id": str(stay_id), "evicted": 0.0,
        "start_utc_ns": NOW_NS - 9 * HOUR_NS, "end_utc_ns": NOW_NS - 9 * HOUR_NS + 15 * MINUTE_NS,
        "streams": {name: {"held": 0.99, "lost": {"bus": 0.01}, "not_wanted": {}} for name in ("ir", "depth", "colour")},
    }  # fmt: skip
    told: tuple[dict[str, Any], ...] = (
        {"state": "asked", "bed": "bed-3", "asked_by": "ana", "hours": 0.5},
        {"state": "answered", "bed": "bed-1", "asked_by": "ben", "hours": 9.0, "parts": [part]},
        {"state": "nothing", "bed": "bed-2", "asked_by": "ana", "hours": 60.0,
         "reason": "The ring holds nothing of this span: it goes back 46 hours."},
    )  # fmt: skip
    for number, fields in enumerate(told):
        start_ns = NOW_NS - round(fields.pop("hours") * HOUR_NS)
        await house.pull(
            uuid7(NOW_NS), asked_at_ns=NOW_NS - (number + 1) * 7 * MINUTE_NS, start_utc_ns=start_ns,
            end_utc_ns=start_ns + 15 * MINUTE_NS, answered_at_ns=None if fields["state"] == "asked" else NOW_NS, **fields,
        )  # fmt: skip


async def _references(house: House, stay_id: UUID, seizure: UUID) -> None:
    list_id = uuid7(NOW_NS)
    await ReferenceList.create(
        list_id=list_id, site="north", stay_id=stay_id, name="eeg-night-2.tsv", file_sha256="b" * 64, settings="",
        clock_offset_ns=2_500_000_000, seizures=3, passed_over=1, imported_by="ana", imported_at_ns=NOW_NS - HOUR_NS,
    )  # fmt: skip
    event = await Event.get(event_id=seizure)
    for line, start_ns in enumerate((event.start_utc_ns, NOW_NS - 5 * HOUR_NS, NOW_NS - 27 * HOUR_NS)):
        await ReferenceSeizure.create(
            reference_id=uuid7(NOW_NS), list_id=list_id, site="north", stay_id=stay_id, start_utc_ns=start_ns,
            end_utc_ns=start_ns + 62 * NS_PER_S, kind="FBTCS" if line == 0 else "FIAS", line=line + 2,
        )  # fmt: skip


async def _for_ops(house: House) -> None:
    await DifferenceRow.create(
        site="north", bed="bed-3", kind="message", subject="118-121", first_sequence=118, last_sequence=121, state="open",
        sentence="The bed sent messages 118 to 121; the cloud has not got them. The bed sends them again.",
        found_at_ns=NOW_NS - HOUR_NS, last_at_ns=NOW_NS - HOUR_NS,
    )  # fmt: skip
    await DeadLetter.create(
        site="north", bed="bed-2", topic="deepepil/v1/north/bed-2/event", reason="end_mono_ns: it must not be earlier than start_mono_ns.",
        payload_start="{}", payload_bytes=812, digest="c" * 64, first_at_ns=NOW_NS - DAY_NS, last_at_ns=NOW_NS - DAY_NS,
    )  # fmt: skip
    stay_id = uuid7(NOW_NS)
    await house.stay(
        stay_id, bed="bed-4", patient_code="PT-7KQ2M", admitted_utc_ns=NOW_NS - 3 * DAY_NS,
        discharged_utc_ns=NOW_NS - 2 * DAY_NS - HOUR_NS,
    )  # fmt: skip
    await StayCorrection.create(
        site="north", stay_id=stay_id, from_code="PT-7KQ2N", to_code="PT-7KQ2M", reason="last letter mistyped",
        corrected_by="ben", corrected_utc_ns=NOW_NS - 2 * DAY_NS,
    )  # fmt: skip
