"""A clip of the simulated ward as a bed sends it, with what the two real networks say of it.

Seen by the ward, sealed and encoded by the bed's own code; two seconds before the end no infrared and depth came: a gap.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cloud.classify.clip_classifier import ClipClassifier
from edge_agent.clips.proxy_encoder import ProxyEncoder
from edge_agent.sources.jpeg import JpegEncoder
from shared.clip import ManifestSegment, ProxyFile, ScoreSample
from shared.clock import NS_PER_S
from shared.detector_session import open_release
from shared.detector_stream import DetectorStream
from shared.frame import RECORDED_STREAMS, Frame, Stream
from shared.ids import uuid7
from shared.preview import PreviewMaker
from shared.segment import SegmentReader, SegmentWriter
from shared.segment_records import SegmentHeader
from shared.ward import Ward, plan_demo
from tests.cloud.people_house import BOOT
from tests.cloud.web.burnt_clip import camera

RELEASES = Path(__file__).parents[3] / "models" / "releases"
DETECTOR, CLASSIFIER = "detector-v0", "i3d-narrow-v1"
FPS, COLOUR_EVERY, SEGMENT_FRAMES = 30, 3, 300
COLOUR = (640, 360)
SEIZURE_S, SEIZURE_END_S = 35.0, 95.0
"""The first seizure of the demonstration's night."""
LOST_S = 1.5
MONO_NS = 500 * NS_PER_S


@dataclass(frozen=True)
class WardClip:
    """What the bed would send, and what the networks said. Times are ns of the bed's monotonic clock."""

    segments: list[tuple[ManifestSegment, Path]]
    proxies: list[tuple[ProxyFile, Path]]
    start_ns: int
    end_ns: int
    event_ns: tuple[int, int]
    lost_ns: tuple[int, int]
    utc_less_mono_ns: int
    scores: list[ScoreSample]
    probabilities: dict[str, float]
    windows: list[tuple[int, dict[str, float]]]


def ward_clip(folder: Path, start_utc_ns: int, from_s: float, to_s: float, *, networks: bool) -> WardClip:
    """From `from_s` to `to_s` of the demonstration's night; without `networks` their words are made up."""
    folder.mkdir(parents=True, exist_ok=True)
    shift_ns = start_utc_ns - MONO_NS
    end_ns = MONO_NS + round((to_s - from_s) * NS_PER_S)
    lost_ns = (end_ns - round((LOST_S + 2) * NS_PER_S), end_ns - 2 * NS_PER_S)
    maker, previews = PreviewMaker(), []
    frames = []
    for frame in _frames(Ward(plan_demo(3, 5)), from_s, to_s, shift_ns):
        if not lost_ns[0] <= frame.mono_ns < lost_ns[1]:
            frames.append(frame)
            preview = maker.add(frame) if networks else None
            previews += [preview] if preview else []
    sealed = [_seal(folder, frames[at : at + SEGMENT_FRAMES], at) for at in range(0, len(frames), SEGMENT_FRAMES)]
    proxies = _proxies(folder, [path for _, path in sealed])
    event = [MONO_NS + round((at - from_s) * NS_PER_S) for at in (SEIZURE_S, SEIZURE_END_S)]
    event_ns = (min(max(event[0], MONO_NS), end_ns - NS_PER_S), min(event[1], end_ns))
    if networks:
        card, step = open_release(RELEASES, DETECTOR)
        stream = DetectorStream(card, step)
        scores = [ScoreSample(mono_ns=one.mono_ns, value=one.value) for each in previews for one in stream.push(each)]
        probabilities, windows = _suggestion(proxies)
    else:
        scores = [
            ScoreSample(mono_ns=at, value=0.9 if event_ns[0] <= at < event_ns[1] else 0.1)
            for at in range(MONO_NS, end_ns, NS_PER_S // 3)
        ]
        probabilities = {"TLE": 0.7, "FLE": 0.2, "non-epileptic": 0.1}
        windows = [(0, probabilities)]
    return WardClip(
        sealed, proxies, MONO_NS, end_ns, event_ns, lost_ns, shift_ns, scores, probabilities, windows
    )  # fmt: skip


def _frames(ward: Ward, from_s: float, to_s: float, shift_ns: int) -> Iterator[Frame]:
    colour = JpegEncoder(*COLOUR)
    for number in range(round((to_s - from_s) * FPS)):
        at_s, mono_ns = from_s + number / FPS, MONO_NS + number * NS_PER_S // FPS
        scene = ward.at(at_s)
        jpeg = colour.encode(ward.colour(at_s, *COLOUR)) if number % COLOUR_EVERY == 0 else None
        yield Frame(number, mono_ns - 480 * NS_PER_S, mono_ns, mono_ns + shift_ns, scene.depth_mm, scene.ir, jpeg)


def _seal(folder: Path, frames: list[Frame], sequence: int) -> tuple[ManifestSegment, Path]:
    header = SegmentHeader(
        segment_id=uuid7(frames[0].utc_ns), site="north", bed="bed-1", boot_id=BOOT, sequence=sequence, stay_id=None,
        camera=camera(),
    )  # fmt: skip
    writer = SegmentWriter(folder / f"{sequence}.part", header)
    for frame in frames:
        writer.add_frame(frame)
    sealed = writer.seal(folder)
    entry = ManifestSegment(
        sha256=sealed.sha256, size_bytes=sealed.size_bytes, sequence=sequence, start_mono_ns=frames[0].mono_ns,
        end_mono_ns=frames[-1].mono_ns + 1, start_utc_ns=frames[0].utc_ns, frames={Stream.depth: len(frames)},
    )  # fmt: skip
    return entry, sealed.path


def _proxies(folder: Path, segments: list[Path]) -> list[tuple[ProxyFile, Path]]:
    encoders = {stream: ProxyEncoder(folder / f"{stream.value}.part", stream) for stream in RECORDED_STREAMS}
    for path in segments:
        with SegmentReader(path) as reader:
            for image in reader.frames():
                encoders[image.stream].add(image)
    made = [encoder.finish(folder) for encoder in encoders.values()]
    return [(proxy, folder / f"{proxy.sha256}.mp4") for proxy in made if proxy is not None]


def _suggestion(proxies: list[tuple[ProxyFile, Path]]) -> tuple[dict[str, float], list[tuple[int, dict[str, float]]]]:
    classifier = ClipClassifier(RELEASES, CLASSIFIER)
    proxy, path = next(each for each in proxies if each[0].stream is Stream.ir)
    try:
        said = asyncio.run(classifier.classify(path, [at - MONO_NS for at in proxy.frame_mono_ns]))
    finally:
        classifier.close()
    return said.probabilities, said.windows
