"""Writes one golden message of each contract: run by hand when a contract is born, never to make a red test green after a tagged version."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from shared.classification import Classification, WindowVerdict
from shared.clip import (
    ChunkPlace,
    ClipAnswer,
    ClipManifest,
    LostSegment,
    ManifestSegment,
    MissingObject,
    PlaceWanted,
    ProxyFile,
    RawDecision,
    ScoreSample,
    WantedClips,
)
from shared.command import DesiredState
from shared.contract import Contract
from shared.event import EventCause, EventPhase, EventReport
from shared.frame import Stream
from shared.gap import Gap, GapCause
from shared.heartbeat import BedState, ClockHealth, Heartbeat, HourCoverage, ProcessHealth, StreamCoverage
from shared.label import Label
from shared.live_view import LiveHangup, LiveOffer, ViewCause, ViewPhase, ViewReport
from shared.pull import HeldStream, PullAnswer, PullOutcome, PullPart, PullRequest
from shared.receipt import Receipt, ReceiptKind
from shared.reconciliation import Digest, KeptClip, KeptMessage, MessageState, ResendRequest
from shared.review import Review, Verdict
from shared.stay import Stay

FOLDER = Path(__file__).parent / "messages"
EVENT = UUID("01900000-0000-7000-8000-000000000001")
RUN = UUID("01900000-0000-7000-8000-000000000003")
STAY = UUID("01900000-0000-7000-8000-000000000002")
BOOT = "11111111-2222-3333-4444-555555555555"
SECOND_NS = 1_000_000_000
HOUR_NS = 3600 * SECOND_NS
UTC_NS = 1_750_000_000 * SECOND_NS
SHA = "ab" * 32


def _gap() -> Gap:
    return Gap(
        stream=Stream.colour,
        cause=GapCause.bus,
        boot_id=BOOT,
        start_mono_ns=70 * SECOND_NS,
        end_mono_ns=71 * SECOND_NS,
        start_utc_ns=UTC_NS + 70 * SECOND_NS,
        end_utc_ns=UTC_NS + 71 * SECOND_NS,
        missing_frames=10,
    )


def _event() -> EventReport:
    return EventReport(
        event_id=EVENT,
        revision=2,
        phase=EventPhase.closed,
        cause=EventCause.detector,
        stay_id=STAY,
        boot_id=BOOT,
        start_mono_ns=100 * SECOND_NS,
        end_mono_ns=160 * SECOND_NS,
        clip_start_mono_ns=60 * SECOND_NS,
        clip_end_mono_ns=175 * SECOND_NS,
        start_utc_ns=UTC_NS + 100 * SECOND_NS,
        end_utc_ns=UTC_NS + 160 * SECOND_NS,
        peak_score=0.93,
        motor_type="tonic_clonic",
        release="detector-v0",
    )


def _manifest() -> ClipManifest:
    segment = ManifestSegment(
        sha256=SHA,
        size_bytes=12_345_678,
        sequence=7,
        start_mono_ns=60 * SECOND_NS,
        end_mono_ns=70 * SECOND_NS,
        start_utc_ns=UTC_NS + 60 * SECOND_NS,
        frames={Stream.depth: 300, Stream.ir: 300, Stream.colour: 90},
    )
    proxy = ProxyFile(
        stream=Stream.ir,
        sha256="cd" * 32,
        size_bytes=4_000_000,
        codec="avc1.42c01e",
        width=512,
        height=424,
        frame_mono_ns=[60 * SECOND_NS, 60 * SECOND_NS + 33_333_333],
        frame_device_ns=[2 * SECOND_NS, 2 * SECOND_NS + 33_333_000],
    )
    return ClipManifest(
        event_id=EVENT,
        boot_id=BOOT,
        start_mono_ns=60 * SECOND_NS,
        end_mono_ns=175 * SECOND_NS,
        start_utc_ns=UTC_NS + 60 * SECOND_NS,
        segments=[segment],
        proxies=[proxy],
        gaps=[_gap()],
        coverage={Stream.depth: 1.0, Stream.ir: 1.0, Stream.colour: 0.99},
        wanted={Stream.depth: 1.0, Stream.ir: 1.0, Stream.colour: 1.0},
        scores=[ScoreSample(mono_ns=100 * SECOND_NS, value=0.5)],
        lost=[
            LostSegment(
                sha256="cd" * 32,
                sequence=8,
                start_mono_ns=70 * SECOND_NS,
                end_mono_ns=80 * SECOND_NS,
                frames={Stream.depth: 300, Stream.ir: 300},
                reason="it is damaged at the bed",
            )
        ],
    )


def _heartbeat() -> Heartbeat:
    return Heartbeat(
        boot_id=BOOT,
        mono_ns=200 * SECOND_NS,
        utc_ns=UTC_NS + 200 * SECOND_NS,
        version="0.1.0",
        release="detector-v0",
        stay_id=STAY,
        paused=False,
        camera="open",
        coverage_1h={Stream.depth: 1.0, Stream.ir: 1.0},
        coverage_hours=[
            HourCoverage(
                start_utc_ns=UTC_NS // HOUR_NS * HOUR_NS,
                streams={
                    Stream.depth: StreamCoverage(
                        recorded=0.85,
                        wanted=0.9,
                        lost={GapCause.bus: 0.05},
                        not_wanted={GapCause.privacy_pause: 0.1},
                    )
                },
            )
        ],
        clock=ClockHealth(
            device_drift_ppm=-390.5, clock_error_ns=12_000_000, utc_error_ns=3_000_000, faults={"duplicate": 1}
        ),
        last_frame_age_s=0.03,
        last_score=0.02,
        ring_bytes=10**9,
        ring_hours=0.5,
        promise_hours=72.0,
        disk_free_bytes=10**12,
        outbox_waiting=0,
        clips_waiting=1,
        pinned_bytes=0,
        dropped_frames=0,
        alarms=[],
        processes=[
            ProcessHealth(
                name="recorder", running=True, restarts=0, progress_age_s=0.1, core_share=0.1, rss_bytes=10**8
            )
        ],
    )


GOLDEN: dict[str, Contract] = {
    "event": _event(),
    "clip-manifest": _manifest(),
    "clip-answer": ClipAnswer(
        event_id=EVENT, missing=[MissingObject(sha256=SHA, chunks=[0, 2])], raw=RawDecision.wait, clip_stored=False
    ),
    "place-wanted": PlaceWanted(chunk=2, content_md5="1B2M2Y8AsgTpgAmY7PhCfg=="),
    "chunk-place": ChunkPlace(
        sha256=SHA,
        chunk=2,
        url="https://store.hospital.example/clips/x?partNumber=3&X-Amz-Signature=0",
        headers={"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg==", "Content-Length": "16777216"},
        ends_in_s=900,
    ),
    "wanted-clips": WantedClips(event_ids=[EVENT]),
    "gap": _gap(),
    "heartbeat": _heartbeat(),
    "state": BedState(online=True, session=3, version="0.1.0"),
    "digest": Digest(
        run=RUN,
        page=0,
        first=40,
        last=42,
        highest=42,
        messages=[
            KeptMessage(sequence=40, event_id=EVENT, revision=0, state=MessageState.delivered),
            KeptMessage(sequence=42, event_id=EVENT, revision=2, state=MessageState.waiting),
        ],
        clips=[KeptClip(event_id=EVENT, objects_sha256=SHA, held=True)],
    ),
    "resend": ResendRequest(run=RUN, page=0, messages=[40], clips=[EVENT], count_from=0),
    "offer": LiveOffer(
        view_id=RUN, viewer="a.clinician", stream=Stream.ir, sdp="v=0\r\n", expires_utc_ns=UTC_NS + 60 * SECOND_NS
    ),
    "hangup": LiveHangup(view_id=RUN),
    "view": ViewReport(
        view_id=RUN,
        phase=ViewPhase.ended,
        cause=ViewCause.privacy,
        sentence="Somebody at the bed turned the privacy switch on.",
        at_utc_ns=UTC_NS + 90 * SECOND_NS,
    ),
    "pull": PullRequest(
        pull_id=RUN,
        cause=EventCause.pull,
        start_utc_ns=UTC_NS,
        end_utc_ns=UTC_NS + 900 * SECOND_NS,
        expires_utc_ns=UTC_NS + 24 * HOUR_NS,
    ),
    "answer": PullAnswer(
        pull_id=RUN,
        outcome=PullOutcome.held,
        parts=[
            PullPart(
                event_id=EVENT,
                boot_id=BOOT,
                stay_id=STAY,
                start_utc_ns=UTC_NS,
                end_utc_ns=UTC_NS + 900 * SECOND_NS,
                streams={
                    Stream.depth: HeldStream(
                        held=0.7, lost={GapCause.disk: 0.1}, not_wanted={GapCause.privacy_pause: 0.1}
                    )
                },
                evicted=0.1,
            )
        ],
        answered_utc_ns=UTC_NS + HOUR_NS,
    ),
    "receipt": Receipt(event_id=EVENT, sequence=41, revision=2, kind=ReceiptKind.stored, committed_utc_ns=UTC_NS),
    "desired": DesiredState(
        version=4, stay_id=STAY, paused=False, record_unassigned=True, release=None, issued_utc_ns=UTC_NS
    ),
    "stay": Stay(stay_id=STAY, site="porto", bed="bed-1", patient_code="PT-7KQ2M", admitted_utc_ns=UTC_NS),
    "review": Review(
        event_id=EVENT,
        reviewer="reader",
        verdict=Verdict.confirmed,
        version=1,
        suggestion_shown=True,
        reviewed_utc_ns=UTC_NS,
    ),
    "label": Label(event_id=EVENT, verdict=Verdict.confirmed, version=1, readers=1, agreed_utc_ns=UTC_NS),
    "classification": Classification(
        event_id=EVENT,
        release="i3d-narrow-v1",
        probabilities={"FLE": 0.7, "TLE": 0.2, "non-epileptic": 0.1},
        windows=[WindowVerdict(start_ns=0, probabilities={"FLE": 0.7, "TLE": 0.2, "non-epileptic": 0.1})],
        simulated=True,
        seconds_spent=1.5,
        frames=900,
    ),
}


def main() -> None:
    """Writes the files that are missing; an existing golden file is never touched."""
    FOLDER.mkdir(exist_ok=True)
    for name, message in GOLDEN.items():
        path = FOLDER / f"{name}.json"
        if not path.exists():
            path.write_text(message.model_dump_json(indent=2) + "\n")


if __name__ == "__main__":
    main()
