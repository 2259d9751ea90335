"""The codec against its peers on the same frames: bytes kept, and how fast, in raw megabytes for each second of CPU.

Three sets: the one real Azure Kinect capture at hand (each image a key image: there is no second frame), and a minute of distinct simulated
frames of an Azure Kinect and of a Kinect v2. Rounds are interleaved: each takes two seconds of frames through every coder, in another order
each time; speeds are medians of the rounds. Every image is decoded and compared. `python -m tests.bench.bench_codec --seconds 60`.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
import imagecodecs
import numpy as np
import zstandard

from shared.codec import Codec
from shared.codec.decoder import Background, ImageDecoder
from shared.codec.encoder import KEY_EVERY_NS, StreamEncoder
from shared.codec.presence import warm_up
from shared.frame import Uint16Image
from shared.results import Figure, print_results, write_results
from tests.bench import rvl
from tests.bench.rendered import AZURE_NFOV, FRAMES_PER_S, KINECT_V2, Kind, render

CAPTURE = Path(__file__).parents[3] / "shared/data/azure-kinect-nfov-unbinned.mkv"
SECONDS = 60
ROUND_FRAMES = 60
SEGMENT_FRAMES = 300
REAL_ROUNDS, REAL_FRAMES = 20, 10
SIDE_EVERY = 3
"""Peers that no goal names run in every third round."""

Images = list[Uint16Image]


class Coder(Protocol):
    """One way to code the images of a stream; told when a segment begins."""

    def begin(self) -> None: ...
    def encode(self, images: Images) -> list[Any]: ...
    def decode(self, coded: list[Any], shape: tuple[int, int]) -> Images: ...


class Ours:
    """The recorder's codec; keys_only for a capture of one frame."""

    def __init__(self, *, keys_only: bool) -> None:
        self._period_ns = KEY_EVERY_NS if keys_only else 1_000_000_000 // FRAMES_PER_S
        self._decoder = ImageDecoder()
        self.begin()

    def begin(self) -> None:
        self._encoder, self._background, self._now_ns = StreamEncoder(), Background(self._decoder), 0

    def encode(self, images: Images) -> list[Any]:
        coded = []
        for image in images:
            coded.append(self._encoder.encode(image, self._now_ns))
            self._now_ns += self._period_ns
        return coded

    def decode(self, coded: list[tuple[Codec, bytes]], shape: tuple[int, int]) -> Images:
        found, (height, width) = [], shape
        for codec, data in coded:
            if codec.is_key:
                found.append(self._decoder.decode(codec, data, width, height))
                self._background.start(found[-1])
            else:
                found.append(self._background.decode(data, width, height))
        return found


class Ffv1:
    """FFV1 version 3 at 16 bits, four slices, one thread, each frame alone."""

    def begin(self) -> None: ...

    def encode(self, images: Images) -> list[Any]:
        context: Any = av.CodecContext.create("ffv1", "w")
        context.height, context.width = images[0].shape
        context.pix_fmt, context.time_base, context.thread_count = "gray16le", Fraction(1, FRAMES_PER_S), 1
        context.options = {"level": "3", "slices": "4", "context": "0", "g": "1"}
        packets = []
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="gray16le")
            frame.pts = number
            packets += context.encode(frame)
        packets += context.encode(None)
        self._extradata = context.extradata
        return packets

    def decode(self, coded: list[Any], shape: tuple[int, int]) -> Images:
        context: Any = av.CodecContext.create("ffv1", "r")
        context.height, context.width = shape
        context.thread_count, context.extradata = 1, self._extradata
        frames = [frame for packet in [*coded, None] for frame in context.decode(packet)]
        return [frame.to_ndarray() for frame in frames]


class Single:
    """A coder of one image at a time."""

    def __init__(
        self, encode: Callable[[Uint16Image], bytes], decode: Callable[[bytes, tuple[int, int]], Uint16Image]
    ) -> None:
        self._encode, self._decode = encode, decode

    def begin(self) -> None: ...

    def encode(self, images: Images) -> list[Any]:
        return [self._encode(image) for image in images]

    def decode(self, coded: list[Any], shape: tuple[int, int]) -> Images:
        return [self._decode(data, shape) for data in coded]


def zstd3() -> Coder:
    packer, unpacker = zstandard.ZstdCompressor(level=3), zstandard.ZstdDecompressor()
    return Single(
        lambda image: packer.compress(image.data),
        lambda data, shape: np.frombuffer(unpacker.decompress(data), np.uint16).reshape(shape),
    )


def coders(*, keys_only: bool) -> dict[str, Callable[[], Coder]]:
    """One coder for each stream is made of each."""
    codecs: Any = imagecodecs
    return {
        "ours": lambda: Ours(keys_only=keys_only),
        "ffv1": Ffv1,
        "zstd-3 on raw": zstd3,
        "jpeg-xl e1": lambda: Single(
            lambda image: codecs.jpegxl_encode(image, lossless=True, effort=1, numthreads=1),
            lambda data, _shape: codecs.jpegxl_decode(data, numthreads=1),
        ),
        "jpeg-ls": lambda: Single(codecs.jpegls_encode, lambda data, _shape: codecs.jpegls_decode(data)),
        "rvl": lambda: Single(rvl.encode, lambda data, shape: rvl.decode(data, *shape)),
    }


IN_EVERY_ROUND = ("ours", "ffv1", "zstd-3 on raw")


@dataclass(slots=True)
class Tally:
    """What one coder did with one set; rates are raw MB a second, by CPU and by the clock, one for each round."""

    raw_bytes: int = 0
    coded_bytes: int = 0
    by_stream: dict[str, list[int]] = field(default_factory=lambda: {"depth": [0, 0], "ir": [0, 0]})
    rates: dict[str, list[float]] = field(
        default_factory=lambda: {key: [] for key in ("encode cpu", "encode wall", "decode cpu", "decode wall")}
    )

    @property
    def ratio(self) -> float:
        return self.raw_bytes / self.coded_bytes

    def rate(self, key: str) -> float:
        return statistics.median(self.rates[key])


class _Watch:
    """CPU and wall seconds of what runs inside it, added up."""

    def __init__(self) -> None:
        self.cpu = self.wall = 0.0

    def __enter__(self) -> None:
        self._from = time.process_time(), time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.cpu += time.process_time() - self._from[0]
        self.wall += time.perf_counter() - self._from[1]


def run_round(pair: dict[str, Coder], streams: dict[str, Images], tally: Tally) -> None:
    """Both streams of a round through one coder, there and back."""
    encoding, decoding, raw_bytes = _Watch(), _Watch(), 0
    for stream, images in streams.items():
        with encoding:
            coded = pair[stream].encode(images)
        with decoding:
            found = pair[stream].decode(coded, images[0].shape)
        assert len(found) == len(images)
        assert all(np.array_equal(one, image) for one, image in zip(found, images, strict=True))
        size = sum(_size(one) for one in coded)
        raw = sum(image.nbytes for image in images)
        tally.by_stream[stream][0] += raw
        tally.by_stream[stream][1] += size
        tally.coded_bytes += size
        raw_bytes += raw
    tally.raw_bytes += raw_bytes
    for name, watch in (("encode", encoding), ("decode", decoding)):
        tally.rates[f"{name} cpu"].append(raw_bytes / watch.cpu / 1e6)
        tally.rates[f"{name} wall"].append(raw_bytes / watch.wall / 1e6)


def _size(coded: Any) -> int:
    if isinstance(coded, tuple):
        return len(coded[1])
    return int(coded.size) if isinstance(coded, av.Packet) else len(coded)


def compare(rounds: Iterator[dict[str, Images]], *, keys_only: bool) -> dict[str, Tally]:
    """Every coder over the rounds of one set."""
    order = random.Random(7)
    made = {name: {stream: make() for stream in ("depth", "ir")} for name, make in coders(keys_only=keys_only).items()}
    tallies = {name: Tally() for name in made}
    for number, streams in enumerate(rounds):
        if number == 0:  # buffers, tables and code come in before the clock runs
            for make in coders(keys_only=keys_only).values():
                run_round({stream: make() for stream in streams}, _beginning(streams), Tally())
        names = [name for name in made if name in IN_EVERY_ROUND or number % SIDE_EVERY == 0]
        order.shuffle(names)
        for name in names:
            if number * ROUND_FRAMES % SEGMENT_FRAMES == 0:
                for coder in made[name].values():
                    coder.begin()
            run_round(made[name], streams, tallies[name])
    return tallies


def _beginning(streams: dict[str, Images]) -> dict[str, Images]:
    return {stream: images[:3] for stream, images in streams.items()}


def simulated_rounds(folder: Path, kind: Kind, seconds: int) -> Iterator[dict[str, Images]]:
    """Two seconds at a time of frames that lie on the disk; no more than that is in memory."""
    frames = render(folder, kind, seconds)
    for first in range(0, len(frames), ROUND_FRAMES):
        part = slice(first, first + ROUND_FRAMES)
        yield {
            "depth": [np.array(image) for image in frames.depth[part]],
            "ir": [np.array(image) for image in frames.ir[part]],
        }


def real_rounds(capture: Path) -> Iterator[dict[str, Images]]:
    """The one frame of the capture again and again."""
    frame = _real_frame(capture)
    for _ in range(REAL_ROUNDS):
        yield {stream: [image.copy() for _ in range(REAL_FRAMES)] for stream, image in frame.items()}


def _real_frame(capture: Path) -> dict[str, Uint16Image]:
    found = {}
    with av.open(str(capture)) as file:
        tracks = {stream.index: stream.metadata.get("title") for stream in file.streams.video}
        names = {"DEPTH": "depth", "IR": "ir"}
        for packet in file.demux(*file.streams.video):
            name = names.get(tracks.get(packet.stream.index) or "")
            if name and packet.size and name not in found:
                context: Any = packet.stream.codec_context
                found[name] = (
                    np.frombuffer(bytes(packet), ">u2").reshape(context.height, context.width).astype(np.uint16)
                )
    return found


def print_table(title: str, tallies: dict[str, Tally]) -> None:
    print(f"\n{title}: ratio of depth, ir, both; raw MB a second of CPU (of wall) to encode and to decode")
    for name, tally in tallies.items():
        depth, ir = (pair[0] / pair[1] for pair in tally.by_stream.values())
        speeds = "  ".join(
            f"{verb} {tally.rate(f'{verb} cpu'):6.0f} ({tally.rate(f'{verb} wall'):6.0f})"
            for verb in ("encode", "decode")
        )
        print(f"  {name:<14} {depth:6.3f} {ir:6.3f} {tally.ratio:6.3f}   {speeds}")


def codec_figures(folder: Path, seconds: int = SECONDS) -> dict[str, Figure]:
    """Renders into the folder what does not lie there already; prints the tables; returns the figures of the goals.

    Where the real capture is not at hand its figures are left out.
    """
    assert warm_up(), "the bench is of the compiled codec: install numba"
    sets: dict[str, dict[str, Tally]] = {}
    if CAPTURE.exists():
        sets["real"] = compare(real_rounds(CAPTURE), keys_only=True)
    sets["azure"] = compare(simulated_rounds(folder, AZURE_NFOV, seconds), keys_only=False)
    sets["v2"] = compare(simulated_rounds(folder, KINECT_V2, seconds), keys_only=False)
    figures: dict[str, Figure] = {}
    for name, tallies in sets.items():
        print_table(name, tallies)
        goal = 0.92 if name == "real" else 1.0
        figures[f"codec_ratio_vs_ffv1_{name}"] = _at_least(tallies["ours"].ratio / tallies["ffv1"].ratio, goal)
    for key, peer, verb, goal in (
        ("codec_encode_speed_vs_ffv1", "ffv1", "encode", 4.0),
        ("codec_decode_speed_vs_ffv1", "ffv1", "decode", 5.0),
        ("codec_encode_speed_vs_zstd3", "zstd-3 on raw", "encode", 2.0),
    ):
        slowest = min(t["ours"].rate(f"{verb} cpu") / t[peer].rate(f"{verb} cpu") for t in sets.values())
        figures[key] = _at_least(slowest, goal)
    for name, tallies in sets.items():
        for coder, tally in tallies.items():
            label = f"{name}_{coder.replace(' ', '_').replace('-', '_')}"
            figures[f"codec_ratio_{label}"] = Figure(round(tally.ratio, 3), "raw / coded")
            for verb in ("encode", "decode"):
                figures[f"codec_{verb}_{label}"] = Figure(round(tally.rate(f"{verb} cpu")), "MB/CPU-s")
    return figures


def _at_least(value: float, goal: float) -> Figure:
    return Figure(round(value, 3), "times, least set", f">= {goal:g}", value >= goal)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of simulated frames in each set")
    parser.add_argument("--folder", type=Path, help="where rendered frames are kept for the next run")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="deepepil-bench-") as name:
        figures = codec_figures(chosen.folder or Path(name), chosen.seconds)
    print_results(figures)
    kept = "bench-codec" if chosen.seconds >= SECONDS else "bench-codec-short"
    print(write_results(kept, f"python -m tests.bench.bench_codec --seconds {chosen.seconds}", figures))
    return 0 if all(figure.holds is not False for figure in figures.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
