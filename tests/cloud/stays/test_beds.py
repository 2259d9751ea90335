"""The beds as people see them: what the bed said, what nobody said, and what a role does not show."""

from __future__ import annotations

from cloud.database import in_transaction
from cloud.devices.service import note_heartbeat, note_state
from cloud.ingest.tables import DeadLetter, DifferenceRow
from shared.frame import Stream
from shared.gap import GapCause
from shared.heartbeat import BedState, ClockHealth, Heartbeat, HourCoverage, ProcessHealth, StreamCoverage
from tests.cloud.people_house import BOOT, House

HOUR_NS = 3600 * 10**9
HEARTBEAT = Heartbeat(
    boot_id=BOOT,
    mono_ns=5,
    utc_ns=6,
    version="0.1.0+abc1234",
    release="detector-v0",
    stay_id=None,
    paused=False,
    camera="open",
    coverage_1h={Stream.ir: 0.99},
    coverage_hours=[
        HourCoverage(
            start_utc_ns=1_790_000_000 * 10**9 // HOUR_NS * HOUR_NS,
            streams={
                Stream.ir: StreamCoverage(
                    recorded=0.5, wanted=0.75, lost={GapCause.bus: 0.25}, not_wanted={GapCause.privacy_pause: 0.25}
                )
            },
        )
    ],
    clock=ClockHealth(device_drift_ppm=-390.5, clock_error_ns=12_000_000, utc_error_ns=None, faults={"jump": 1}),
    last_frame_age_s=0.1,
    last_score=0.25,
    ring_bytes=10,
    ring_hours=1.5,
    promise_hours=72.5,
    disk_free_bytes=11,
    outbox_waiting=1,
    clips_waiting=2,
    pinned_bytes=12,
    dropped_frames=0,
    alarms=["The disk holds less than 72 hours."],
    processes=[
        ProcessHealth(name="recorder", running=True, restarts=1, progress_age_s=0.5, core_share=0.25, rss_bytes=99)
    ],
)


async def test_a_bed_shows_what_it_last_said_of_itself(house: House) -> None:
    await house.bed()
    async with in_transaction() as connection:
        await note_state(connection, "north", "bed-1", BedState(online=True, session=1, version="0.1.0"))
        await note_heartbeat(connection, "north", "bed-1", HEARTBEAT)
    (bed,) = (await (await house.person("ana")).get("/api/v1/beds")).json()["beds"]
    assert bed.pop("seen_utc").endswith("Z")
    assert bed == {
        "site": "north",
        "bed": "bed-1",
        "online": True,
        "camera": "open",
        "coverage_1h": {"ir": 0.99},
        "coverage_hours": [
            {
                "start_utc": "2026-09-21T14:00:00Z",
                "streams": {
                    "ir": {
                        "recorded": 0.5,
                        "wanted": 0.75,
                        "lost": {"bus": 0.25},
                        "not_wanted": {"privacy_pause": 0.25},
                    }
                },
            }
        ],
        "clock": {"device_drift_ppm": -390.5, "clock_error_ms": 12.0, "utc_error_ms": None, "faults": {"jump": 1}},
        "last_score": 0.25,
        "ring_hours": 1.5,
        "promise_hours": 72.5,
        "outbox_waiting": 1,
        "clips_waiting": 2,
        "release": "detector-v0",
        "last_event_utc": None,
        "last_event_id": None,
        "live": None,
        "alarms": ["The disk holds less than 72 hours."],
        "paused": False,
        "paused_at_bed": False,
        "recording_wanted": True,
        "stay": None,
        "processes": [{"name": "recorder", "running": True, "restarts": 1, "core_share": 0.25, "progress_age_s": 0.5}],
        "version": "0.1.0+abc1234",
    }


async def test_a_bed_that_never_spoke_is_offline_and_says_nothing(house: House) -> None:
    await house.bed()
    (bed,) = (await (await house.person("ana")).get("/api/v1/beds")).json()["beds"]
    assert (bed["online"], bed["seen_utc"], bed["camera"], bed["promise_hours"]) == (False, None, None, None)
    assert (bed["coverage_1h"], bed["processes"], bed["alarms"]) == ({}, [], [])
    assert (bed["coverage_hours"], bed["clock"]) == ([], None)


async def test_ops_see_that_somebody_stays_but_not_under_which_code(house: House) -> None:
    await house.bed()
    await (await house.person("ana")).post("/api/v1/beds/north/bed-1/stay", json={"patient_code": "PT-AAAAA"})
    answer = await (await house.person("otto", "ops")).get("/api/v1/beds")
    assert answer.json()["beds"][0]["stay"]["patient_code"] is None
    assert "PT-AAAAA" not in answer.text


async def test_a_bed_tells_its_newest_event_and_ops_only_when_it_was(house: House) -> None:
    await house.bed()
    await house.event()
    await house.event("south")
    newest = await house.event()
    (bed,) = (await (await house.person("ana")).get("/api/v1/beds")).json()["beds"]
    assert (bed["last_event_id"], bed["last_event_utc"]) == (str(newest), "2026-05-28T21:16:40Z")
    (bed,) = (await (await house.person("otto", "ops")).get("/api/v1/beds")).json()["beds"]
    assert (bed["last_event_id"], bed["last_event_utc"]) == (None, "2026-05-28T21:16:40Z")


async def test_refused_messages_are_listed_newest_first(house: House) -> None:
    for number, reason in enumerate(("too long", "not JSON")):
        await DeadLetter.create(
            site="north",
            bed="bed-1",
            topic="t",
            reason=reason,
            payload_start="",
            payload_bytes=0,
            digest=str(number),
            first_at_ns=number,
            last_at_ns=number * 10**9,
        )
    answer = (await (await house.person("otto", "ops")).get("/api/v1/dead-letters")).json()
    assert answer["items"] == [
        {"at": "1970-01-01T00:00:01Z", "bed": "bed-1", "reason": "not JSON"},
        {"at": "1970-01-01T00:00:00Z", "bed": "bed-1", "reason": "too long"},
    ]


async def test_ops_see_what_beds_and_cloud_told_differently_unresolved_first(house: House) -> None:
    for number, state in enumerate(("open", "resolved", "final"), start=1):
        await DifferenceRow.create(
            site="north",
            bed="bed-1",
            kind="never_seen",
            subject=str(number),
            first_sequence=1,
            last_sequence=1,
            sentence=f"difference {number}",
            state=state,
            found_at_ns=0,
            last_at_ns=number * 10**9,
            resolved_at_ns=5 if state == "resolved" else None,
        )
    answer = (await (await house.person("otto", "ops")).get("/api/v1/differences")).json()
    assert [(item["sentence"][-1], item["state"]) for item in answer["items"]] == [
        ("3", "final"),
        ("1", "open"),
        ("2", "resolved"),
    ]
