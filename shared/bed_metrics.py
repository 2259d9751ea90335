"""The figures of beds for Prometheus, from their heartbeats: the bed tells its own, the cloud those of all beds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from shared.clock import NS_PER_S
from shared.heartbeat import Heartbeat
from shared.metrics import Metric


@dataclass(frozen=True, slots=True)
class BedNews:
    """One bed's newest heartbeat and how old it is, in seconds."""

    site: str
    bed: str
    heartbeat: Heartbeat
    age_s: float


def bed_metrics(beds: Iterable[BedNews]) -> list[Metric]:
    """Every figure of every bed, labelled `site` and `bed`; no patient, no stay."""
    told = _Told()
    for news in beds:
        told.add(news)
    return told.metrics


class _Told:
    """The metrics, filled bed by bed."""

    def __init__(self) -> None:
        self.metrics: list[Metric] = []
        make = self._make
        self._age = make("bed_heartbeat_age_seconds", "since the bed's newest heartbeat")
        self._info = make("bed_info", "1; the labels say which software and which release run")
        self._paused = make("bed_paused_ratio", "1 while a person paused the recording")
        self._camera = make("bed_camera_open_ratio", "1 while the camera gives frames")
        self._frame = make("bed_last_frame_age_seconds", "since the newest frame")
        self._scores = make("bed_scores_flow_ratio", "1 while the detector gives scores")
        self._coverage = make("bed_coverage_ratio", "recorded of wanted in the last hour, by stream")
        self._ring = make("bed_ring_bytes", "size of the ring")
        self._pinned = make("bed_pinned_bytes", "part of the ring that events hold")
        self._hours = make("bed_ring_span_seconds", "span that the ring holds")
        self._promise = make("bed_promise_seconds", "span that the disk will hold at the present rate")
        self._free = make("bed_disk_free_bytes", "free on the disk of the ring")
        self._outbox = make("bed_outbox_waiting", "messages without a receipt")
        self._clips = make("bed_clips_waiting", "clips that are not stored in the cloud yet")
        self._dropped = make("bed_dropped_frames_total", "frames lost between camera and recorder", counter=True)
        self._drift = make("bed_camera_drift_ppm", "the camera's clock against the box's")
        self._utc = make("bed_clock_error_seconds", "the kernel's bound on the wall clock; 1e9: not synchronised")
        self._alarms = make("bed_alarms", "alarms that stand")
        self._process = make("bed_process_running_ratio", "1 while the process runs")
        self._restarts = make("bed_process_restarts_total", "restarts since the supervisor started", counter=True)
        self._progress = make("bed_process_progress_age_seconds", "since the loop last did its work")
        self._share = make("bed_process_core_ratio", "share of a core")
        self._memory = make("bed_process_resident_bytes", "resident memory")

    def _make(self, name: str, means: str, *, counter: bool = False) -> Metric:
        metric = Metric(name, means, "counter" if counter else "gauge")
        self.metrics.append(metric)
        return metric

    def add(self, news: BedNews) -> None:
        """All figures of one bed."""
        said, who = news.heartbeat, {"site": news.site, "bed": news.bed}
        self._age.add(news.age_s, **who)
        self._info.add(1, **who, version=said.version, release=said.release or "")
        self._paused.add(said.paused, **who)
        self._camera.add(said.camera == "open", **who)
        self._frame.add(said.last_frame_age_s, **who)
        self._scores.add(said.release is not None, **who)
        for stream, share in sorted(said.coverage_1h.items()):
            self._coverage.add(share, **who, stream=stream.value)
        for metric, value in (
            (self._ring, said.ring_bytes), (self._pinned, said.pinned_bytes), (self._hours, 3600 * said.ring_hours),
            (self._promise, 3600 * said.promise_hours), (self._free, said.disk_free_bytes), (self._outbox, said.outbox_waiting),
            (self._clips, said.clips_waiting), (self._dropped, said.dropped_frames), (self._alarms, len(said.alarms)),
        ):  # fmt: skip
            metric.add(value, **who)
        if said.clock is not None:
            if said.clock.device_drift_ppm is not None:
                self._drift.add(said.clock.device_drift_ppm, **who)
            error_ns = said.clock.utc_error_ns
            self._utc.add(1e9 if error_ns is None else error_ns / NS_PER_S, **who)
        for each in said.processes:
            named = {**who, "process": each.name}
            self._process.add(each.running, **named)
            self._restarts.add(each.restarts, **named)
            self._progress.add(each.progress_age_s, **named)
            self._share.add(each.core_share, **named)
            self._memory.add(each.rss_bytes, **named)
