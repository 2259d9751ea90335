"""Proxies from real segments, decoded again: exactly the clip's frames, at their times, whatever the ring went through."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from edge_agent.clips.clip_work import ClipWork, sweep
from edge_agent.clips.manifest import make_manifest
from edge_agent.database import open_database, transaction
from edge_agent.ring.catalogue import SegmentRow, insert_gap, insert_segment
from shared.clip import ProxyFile
from shared.clock import NS_PER_S
from shared.event import EventReport
from shared.frame import Stream
from shared.gap import Gap, GapCause
from shared.segment import hash_file
from tests.edge_agent.hand_clock import HandClock
from tests.edge_agent.outbox.reports import make_report
from tests.edge_agent.ring_files import add_pair, add_segment, jpeg_of, make_folder, make_frames

OTHER_BOOT = "99999999-2222-4333-8444-555555555555"


class Bed:
    """A folder with a ring."""

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        self.folder = folder
        self.connection = connection
        self.clock = HandClock(mono_s=100)
        self.colour = jpeg_of(120)

    def record(self, start_s: float, end_s: float, **options: object) -> SegmentRow:
        frames = make_frames(start_s, end_s, **{"colour": self.colour, **options})  # type: ignore[arg-type]
        return add_segment(self.folder, self.connection, frames)

    def record_pair(self, start_s: float, end_s: float) -> tuple[SegmentRow, SegmentRow]:
        return add_pair(self.folder, self.connection, make_frames(start_s, end_s, colour=self.colour))

    def start(self, report: EventReport, post_roll_s: float = 0) -> ClipWork:
        return ClipWork(self.folder, report, self.clock, round(post_roll_s * NS_PER_S))

    def encode_all(self, work: ClipWork) -> None:
        while (row := work.next_row(self.connection)) is not None:
            work.encode(row)

    def make(self, report: EventReport) -> dict[Stream, ProxyFile]:
        work = self.start(report)
        self.encode_all(work)
        assert work.is_whole(self.connection)
        return {proxy.stream: proxy for proxy in work.finish()}

    def decode(self, proxy: ProxyFile) -> list[av.VideoFrame]:
        with av.open(str(self.folder / "proxies" / f"{proxy.sha256}.mp4")) as file:
            return list(file.decode(video=0))


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    folder = make_folder(tmp_path / "bed")
    with closing(open_database(folder)) as connection:
        yield Bed(folder, connection)


def report_of(start_s: float, end_s: float, phase: str = "closed", **changes: Any) -> EventReport:
    spans: dict[str, Any] = {
        "clip_start_mono_ns": round(start_s * NS_PER_S),
        "start_mono_ns": round(start_s * NS_PER_S),
        "end_mono_ns": round(end_s * NS_PER_S),
        "clip_end_mono_ns": round(end_s * NS_PER_S),
    }
    return make_report(phase, **{**spans, **changes})


def test_each_stream_is_a_video_of_exactly_the_clips_frames_at_their_times(bed: Bed) -> None:
    for start_s in (10, 12, 14):
        bed.record(start_s, start_s + 2)
    proxies = bed.make(report_of(11, 15))
    assert {stream: len(proxy.frame_mono_ns) for stream, proxy in proxies.items()} == {
        Stream.ir: 120, Stream.depth: 120, Stream.colour: 40,
    }  # fmt: skip
    for proxy in proxies.values():
        frames = bed.decode(proxy)
        assert len(frames) == len(proxy.frame_mono_ns)
        assert proxy.frame_mono_ns[0] == 11 * NS_PER_S
        assert proxy.frame_mono_ns[-1] < 15 * NS_PER_S
        for frame, mono_ns in zip(frames, proxy.frame_mono_ns, strict=True):
            assert frame.time == pytest.approx((mono_ns - proxy.frame_mono_ns[0]) / NS_PER_S, abs=2e-5)


def test_colour_that_lies_apart_is_in_the_clip_all_the_same(bed: Bed) -> None:
    bed.record(10, 12)
    for start_s in (12, 14):
        bed.record_pair(start_s, start_s + 2)
    proxies = bed.make(report_of(11, 15))
    assert {stream: len(proxy.frame_mono_ns) for stream, proxy in proxies.items()} == {
        Stream.ir: 120, Stream.depth: 120, Stream.colour: 40,
    }  # fmt: skip
    manifest = make_manifest(bed.connection, report_of(11, 15), list(proxies.values()))
    assert [segment.sequence for segment in manifest.segments] == [0, 1, 2, 3, 4]


def test_a_clip_whose_colour_has_left_is_whole_without_it(bed: Bed) -> None:
    for start_s in (10, 12):
        colour, _ = bed.record_pair(start_s, start_s + 2)
        bed.connection.execute("DELETE FROM segments WHERE sequence = ?", (colour.sequence,))
        bed.connection.execute(
            "INSERT INTO evicted SELECT ?, ?, ?, ?, 'colour'",
            (colour.sequence, colour.boot_id, start_s * NS_PER_S, (start_s + 2) * NS_PER_S),
        )
    proxies = bed.make(report_of(10.5, 13.5))
    assert {stream: len(proxy.frame_mono_ns) for stream, proxy in proxies.items()} == {Stream.ir: 90, Stream.depth: 90}
    manifest = make_manifest(bed.connection, report_of(10.5, 13.5), list(proxies.values()))
    assert manifest.evicted == {Stream.colour: 1.0}
    assert manifest.coverage[Stream.colour] == pytest.approx(1.0)
    assert manifest.gaps == []


def test_colour_that_is_sealed_after_the_look_at_the_rest_is_not_left_out(bed: Bed) -> None:
    """Colour is in the catalogue first: only the rest says that a clip's end is sealed."""
    work = bed.start(report_of(90, 93))
    colour, rest = bed.record_pair(90, 93)
    bed.connection.execute("DELETE FROM segments WHERE sequence = ?", (rest.sequence,))
    bed.encode_all(work)
    assert not work.is_whole(bed.connection)
    insert_segment(bed.connection, rest)
    bed.encode_all(work)
    assert work.is_whole(bed.connection)
    assert {proxy.stream: len(proxy.frame_mono_ns) for proxy in work.finish()}[Stream.depth] == 90
    assert colour.frames == {Stream.colour: 30}


def test_files_are_named_by_their_hash_and_say_what_they_are(bed: Bed) -> None:
    bed.record(10, 12)
    for proxy in bed.make(report_of(10, 12)).values():
        path = bed.folder / "proxies" / f"{proxy.sha256}.mp4"
        assert hash_file(path) == proxy.sha256
        assert path.stat().st_size == proxy.size_bytes
        with av.open(str(path)) as file:
            track = file.streams.video[0]
            assert (track.width, track.height) == (proxy.width, proxy.height)
            assert track.codec_context.name == "h264"
        assert proxy.codec.startswith("avc1.")
        assert len(proxy.codec) == 11
    assert not list((bed.folder / "proxies").glob("*.part"))


def test_ir_and_depth_keep_their_size_and_colour_is_at_most_1280_wide(bed: Bed) -> None:
    bed.record(10, 11)
    proxies = bed.make(report_of(10, 11))
    sizes = {stream: (proxy.width, proxy.height) for stream, proxy in proxies.items()}
    assert sizes == {Stream.ir: (258, 214), Stream.depth: (258, 214), Stream.colour: (1280, 720)}


def test_what_the_camera_saw_can_be_seen(bed: Bed) -> None:
    bed.record(10, 11)
    proxies = bed.make(report_of(10, 11))
    ir = bed.decode(proxies[Stream.ir])[20].to_ndarray(format="gray")
    depth = bed.decode(proxies[Stream.depth])[20].to_ndarray(format="rgb24").astype(int)
    colour = bed.decode(proxies[Stream.colour])[2].to_ndarray(format="rgb24")
    assert ir[100, 40].mean() > ir[200, 200].mean() + 60
    assert depth[100, 40].sum() > depth[200, 200].sum() + 60 > depth[10, 10].sum() + 120
    assert np.abs(colour.astype(int) - 120).mean() < 4


def test_most_is_encoded_while_the_event_is_open_and_the_close_needs_the_rest_only(bed: Bed) -> None:
    bed.record(10, 12)
    opened = report_of(10, 11, "opened")
    work = bed.start(opened, post_roll_s=4)
    bed.encode_all(work)
    assert work.done_ns > 11.9 * NS_PER_S
    assert not work.is_whole(bed.connection)
    bed.record(12, 14)
    bed.encode_all(work)
    bed.record(14, 16)
    work.grow(report_of(10, 15, event_id=opened.event_id, revision=1))
    bed.encode_all(work)
    assert work.is_whole(bed.connection)
    assert {proxy.stream: len(proxy.frame_mono_ns) for proxy in work.finish()}[Stream.ir] == 150


def test_an_event_cut_off_before_what_is_encoded_begins_anew_and_is_exact(bed: Bed) -> None:
    bed.record(10, 14)
    opened = report_of(10, 11, "opened")
    work = bed.start(opened, post_roll_s=20)
    bed.encode_all(work)
    work.grow(report_of(10, 12, event_id=opened.event_id, revision=1))
    bed.encode_all(work)
    assert {proxy.stream: len(proxy.frame_mono_ns) for proxy in work.finish()}[Stream.ir] == 60


def test_the_clip_waits_for_the_segment_that_holds_its_end_but_not_for_ever(bed: Bed) -> None:
    bed.record(95, 97)
    work = bed.start(report_of(95, 99))
    bed.encode_all(work)
    assert not work.is_whole(bed.connection)
    bed.clock.advance(60)
    assert work.is_whole(bed.connection)


def test_a_clip_of_an_earlier_boot_is_made_of_what_is_there(bed: Bed) -> None:
    frames = make_frames(10, 11, colour=bed.colour)
    add_segment(bed.folder, bed.connection, frames, boot_id=OTHER_BOOT)
    work = bed.start(report_of(10, 20, boot_id=OTHER_BOOT))
    bed.encode_all(work)
    bed.clock.advance(31)
    assert work.is_whole(bed.connection)
    assert len(work.finish()[0].frame_mono_ns) == 30


def test_a_damaged_segment_costs_its_own_images_only(bed: Bed) -> None:
    bed.record(10, 12)
    torn = bed.record(12, 14)
    bed.record(14, 16)
    content = bytearray(torn.path(bed.folder).read_bytes())
    content[len(content) // 2] ^= 1
    torn.path(bed.folder).write_bytes(content)
    work = bed.start(report_of(10, 16))
    bed.encode_all(work)
    counts = {proxy.stream: len(proxy.frame_mono_ns) for proxy in work.finish()}
    assert 120 < counts[Stream.ir] < 180
    assert "damaged" in work.troubles[0]


def test_a_colour_image_that_is_no_jpeg_is_left_out(bed: Bed) -> None:
    bed.record(10, 11)
    bed.record(11, 12, colour=b"not a JPEG")
    work = bed.start(report_of(10, 12))
    bed.encode_all(work)
    counts = {proxy.stream: len(proxy.frame_mono_ns) for proxy in work.finish()}
    assert counts == {Stream.ir: 60, Stream.depth: 60, Stream.colour: 10}
    assert work.skipped == 10


def test_a_span_without_frames_has_no_proxy_and_still_a_manifest(bed: Bed) -> None:
    report = report_of(10, 12)
    work = bed.start(report)
    assert work.finish() == []
    manifest = make_manifest(bed.connection, report, [])
    assert (manifest.segments, manifest.coverage) == ([], {})


def test_the_manifest_names_segments_scores_and_coverage(bed: Bed) -> None:
    rows = [bed.record(10, 12), bed.record(12, 14)]
    bed.record(14, 16)
    for second in range(8, 16):
        bed.connection.execute(
            "INSERT INTO scores (boot_id, mono_ns, utc_ns, value) VALUES (?, ?, 0, 0.5)",
            (rows[0].boot_id, second * NS_PER_S),
        )
    manifest = make_manifest(bed.connection, report_of(11, 14), [])
    assert [segment.sha256 for segment in manifest.segments] == [row.sha256 for row in rows]
    assert [sample.mono_ns // NS_PER_S for sample in manifest.scores] == [11, 12, 13]
    assert manifest.coverage[Stream.ir] == pytest.approx(1.0)


def test_a_flood_of_small_gaps_fits_into_the_manifest_and_counts_by_frames(bed: Bed) -> None:
    row = bed.record(10, 12)
    with transaction(bed.connection):
        for k in range(3000):
            start_ns = row.start_mono_ns + k * 600_000
            insert_gap(
                bed.connection,
                Gap(
                    stream=Stream.ir, cause=(GapCause.bus, GapCause.source)[k % 2], boot_id=row.boot_id,
                    start_mono_ns=start_ns, end_mono_ns=start_ns + 300_000, start_utc_ns=0, end_utc_ns=0, missing_frames=1,
                ),
            )  # fmt: skip
    manifest = make_manifest(bed.connection, report_of(10, 12), [])
    assert len(manifest.gaps) <= 2000
    assert sum(gap.missing_frames for gap in manifest.gaps) == 3000
    assert manifest.coverage[Stream.ir] == pytest.approx(1 - 0.9 / 2, abs=0.01)
    assert manifest.coverage[Stream.depth] == pytest.approx(1.0)


def test_a_pause_in_the_clip_was_not_wanted_and_is_no_loss(bed: Bed) -> None:
    row = bed.record(10, 12)
    pause = Gap(
        stream=Stream.ir, cause=GapCause.privacy_pause, boot_id=row.boot_id, start_mono_ns=row.end_mono_ns,
        end_mono_ns=row.end_mono_ns + 2 * NS_PER_S, start_utc_ns=0, end_utc_ns=0, missing_frames=60,
    )  # fmt: skip
    insert_gap(bed.connection, pause)
    manifest = make_manifest(bed.connection, report_of(10, 14), [])
    assert manifest.coverage[Stream.ir] == pytest.approx(1.0)
    assert manifest.wanted[Stream.ir] == pytest.approx(0.5, abs=0.02)


def test_after_a_restart_half_made_and_unneeded_files_are_swept_away(bed: Bed) -> None:
    bed.record(10, 11)
    proxies = bed.make(report_of(10, 11))
    work = bed.start(report_of(10, 11))
    bed.encode_all(work)
    kept = proxies[Stream.ir].sha256
    assert sweep(bed.folder, {kept}, {"another event"}) == 5
    assert [path.name for path in (bed.folder / "proxies").iterdir()] == [f"{kept}.mp4"]
