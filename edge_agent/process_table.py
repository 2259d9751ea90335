"""The machine in one table: a row a process, in the order of the data, with what it takes, gives, and how it is kept alive."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.bus_messages import BusTopic

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class RestartRule:
    """A process that ends is started again after `first_s`, doubling to `longest_s`; never given up.

    More than `most` restarts within `window_s` raise an alarm and the longest pause from then on.
    """

    first_s: float = 0.5
    longest_s: float = 8.0
    most: int = 10
    window_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Row:
    """One process: `progress_s` is the longest its loop may stand still, `start_s` how long it may take to begin."""

    name: str
    module: str
    does: str
    takes: tuple[BusTopic, ...]
    gives: tuple[BusTopic, ...]
    core_share: float
    rss_bytes: int
    nice: int = 0
    progress_s: float = 30.0
    start_s: float = 60.0
    restart: RestartRule = RestartRule()


ROWS: tuple[Row, ...] = (
    Row(
        "capture", "edge_agent.processes.capture", "takes frames from the camera into the frame pool",
        (), (BusTopic.frame, BusTopic.camera), core_share=0.10, rss_bytes=400 * MIB, nice=-5, progress_s=15, start_s=180,
    ),
    Row(
        "recorder", "edge_agent.processes.recorder", "writes segments, makes previews, keeps the ledger of gaps",
        (BusTopic.frame, BusTopic.event, BusTopic.desired), (BusTopic.preview, BusTopic.sealed),
        core_share=0.25, rss_bytes=400 * MIB, nice=-5, progress_s=15,
    ),
    Row(
        "detector", "edge_agent.processes.detector", "scores previews, opens, updates and closes events",
        (BusTopic.preview, BusTopic.desired), (BusTopic.score, BusTopic.event), core_share=0.10, rss_bytes=400 * MIB,
        start_s=120,
    ),
    Row(
        "publisher", "edge_agent.processes.publisher", "sends the outbox over MQTT, takes receipts and the desired state",
        (BusTopic.event, BusTopic.heartbeat, BusTopic.view),
        (BusTopic.desired, BusTopic.link, BusTopic.offer, BusTopic.hangup), core_share=0.02,
        rss_bytes=150 * MIB,
    ),
    Row(
        "proxy", "edge_agent.processes.proxy", "makes the watchable video of a closed event",
        (BusTopic.event, BusTopic.sealed), (BusTopic.clip,), core_share=0.03, rss_bytes=500 * MIB, nice=15,
        progress_s=120,
    ),
    Row(
        "uploader", "edge_agent.processes.uploader", "sends proxies and segments that the cloud lacks",
        (BusTopic.clip,), (BusTopic.upload,), core_share=0.03, rss_bytes=250 * MIB, nice=10, progress_s=120,
    ),
    Row(
        "evictor", "edge_agent.processes.evictor", "removes the oldest segments that no event holds",
        (BusTopic.sealed,), (), core_share=0.01, rss_bytes=150 * MIB, nice=5, progress_s=60,
    ),
    Row(
        "button", "edge_agent.processes.button", "hears the button at the box, closes marked events",
        (), (), core_share=0.01, rss_bytes=150 * MIB, nice=5,
    ),
    Row(
        "live", "edge_agent.processes.live", "lets people watch: one encode a stream for all of them, none without",
        (BusTopic.frame, BusTopic.offer, BusTopic.hangup, BusTopic.desired), (BusTopic.view, BusTopic.live),
        core_share=0.25, rss_bytes=300 * MIB, nice=5,
    ),
    Row(
        "installer", "edge_agent.processes.installer", "obeys signed orders to run another release: checks and tries it",
        (BusTopic.desired,), (), core_share=0.01, rss_bytes=400 * MIB, nice=10, progress_s=180,
    ),
    Row(
        "heartbeat", "edge_agent.processes.heartbeat", "tells the health of all the others",
        (BusTopic.beat, BusTopic.camera, BusTopic.score, BusTopic.link, BusTopic.live, BusTopic.processes),
        (BusTopic.heartbeat,),
        core_share=0.02, rss_bytes=150 * MIB, nice=5,
    ),
)  # fmt: skip

SUPERVISOR = "supervisor"
_OWNERS = {topic: row.name for row in ROWS for topic in row.gives} | {BusTopic.processes: SUPERVISOR}


def row_of(name: str) -> Row | None:
    """The row of a process by its name."""
    return next((row for row in ROWS if row.name == name), None)


def owners_of(topic: BusTopic) -> tuple[str, ...]:
    """Which processes publish a topic; every process beats."""
    if topic is BusTopic.beat:
        return tuple(row.name for row in ROWS)
    return (_OWNERS[topic],)
