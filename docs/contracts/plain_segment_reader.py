"""Reads DeepEpil segments (format version 0) with NumPy and zstandard alone. Written from segment-format.md, slow on purpose.

It shares no code with DeepEpil, so that an archive can be read in many years: keep it beside the recordings. Every CRC and
checksum is checked; reading stops at the first record that does not hold.

    python plain_segment_reader.py FILE.seg                 lists what the segment holds
    python plain_segment_reader.py FILE.seg --to FOLDER     writes each image as .npy (uint16, rows x columns) or .jpg
"""

from __future__ import annotations

import argparse
import json
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import zstandard

MAGIC = b"\x89DESEG0\n"
HEADER, IMAGE, PREVIEW, GAP, INDEX, IMU = range(1, 7)
STREAMS = {1: "depth", 2: "ir", 3: "colour"}
RAW, LEFT, JPEG, MED, BACKGROUND = range(5)
LARGEST_PAYLOAD, LARGEST_SIDE, LONGEST_CHAIN, LARGEST_WINDOW = 64 << 20, 8192, 600, 128 << 10
PREVIEW_SHAPE = (106, 128)


class Damaged(Exception):
    """The bytes break the format, or a checksum does not hold."""


def records(path: Path) -> Iterator[tuple[int, bytes]]:
    """Opcode and payload of each record in file order, up to the first that is cut or damaged."""
    with Path(path).open("rb") as file:
        if file.read(8) != MAGIC:
            raise Damaged(f"{path} is not a DeepEpil segment of version 0")
        while True:
            head = file.read(5)
            if len(head) < 5:
                return
            length, opcode = struct.unpack("<IB", head)
            if length > LARGEST_PAYLOAD:
                return
            payload, crc = file.read(length), file.read(4)
            if len(payload) < length or len(crc) < 4 or zlib.crc32(head + payload) != int.from_bytes(crc, "little"):
                return
            yield opcode, payload
            if opcode == INDEX:
                return


def header(path: Path) -> dict[str, Any]:
    """Bed, boot, stay, camera with its calibration."""
    opcode, payload = next(records(path), (0, b""))
    if opcode != HEADER:
        raise Damaged(f"{path} has no header")
    found: dict[str, Any] = json.loads(payload)
    if found["key"]["suite"] != "plain":
        raise Damaged(f"{path} is sealed with {found['key']['suite']}")
    return found


def images(path: Path, *streams: str) -> Iterator[dict[str, Any]]:
    """Images in file order: stream, codec, index, device_ns, mono_ns, utc_ns, and `image`.

    image is a uint16 array (rows, columns) for depth and ir, JPEG bytes for colour. An image that cannot be decoded, because
    it or one that it leans on is damaged, raises Damaged when it is reached.
    """
    header(path)
    chains: dict[str, Chain] = {}
    for opcode, payload in records(path):
        if opcode != IMAGE:
            continue
        code, codec, width, height, index, device_ns, mono_ns, utc_ns, checksum = struct.unpack_from(
            "<BBHHQqqqI", payload
        )
        stream = STREAMS.get(code)
        if stream is None or codec > BACKGROUND or (stream == "colour") != (codec == JPEG):
            raise Damaged(f"stream {code} and codec {codec} do not go together")
        if streams and stream not in streams:
            continue
        data = payload[struct.calcsize("<BBHHQqqqI") :]
        found = data if codec == JPEG else chains.setdefault(stream, Chain()).next(codec, data, height, width)
        plain = found if isinstance(found, bytes) else found.astype("<u2").tobytes()
        if zlib.crc32(plain) != checksum:
            raise Damaged(f"the checksum of {stream} image {index} does not hold")
        yield {
            "stream": stream, "codec": codec, "index": index, "device_ns": device_ns, "mono_ns": mono_ns,
            "utc_ns": utc_ns, "image": found,
        }  # fmt: skip


def previews(path: Path) -> Iterator[dict[str, Any]]:
    """Previews in file order: index, mono_ns, utc_ns, and ir and depth as uint8 (106, 128)."""
    for opcode, payload in records(path):
        if opcode == PREVIEW:
            index, mono_ns, utc_ns = struct.unpack_from("<Qqq", payload)
            size = PREVIEW_SHAPE[0] * PREVIEW_SHAPE[1]
            both = np.frombuffer(unpacked(payload[24:], 2 * size), np.uint8).reshape(2, *PREVIEW_SHAPE)
            ir, depth = np.cumsum(both, axis=2, dtype=np.uint8)
            yield {"index": index, "mono_ns": mono_ns, "utc_ns": utc_ns, "ir": ir, "depth": depth}


def gaps(path: Path) -> Iterator[dict[str, Any]]:
    """Spans in which a stream has no images, with their cause."""
    for opcode, payload in records(path):
        if opcode == GAP:
            yield json.loads(payload)


def imu(path: Path) -> np.ndarray:
    """Inertial samples: device_ns, mono_ns, acceleration (3) in m/s², rotation (3) in rad/s, temperature in °C."""
    kind = np.dtype([
        ("device_ns", "<i8"), ("mono_ns", "<i8"), ("acceleration", "<f4", 3), ("rotation", "<f4", 3), ("temperature", "<f4")
    ])  # fmt: skip
    return np.frombuffer(b"".join(payload for opcode, payload in records(path) if opcode == IMU), kind)


def index(path: Path) -> dict[str, Any] | None:
    """The index of a sealed segment, with the fit of its clocks; None when the file was left open or is cut."""
    for opcode, payload in records(path):
        if opcode == INDEX:
            return json.loads(payload)
    return None


def unpacked(frame: bytes, size: int, largest_window: int | None = None) -> bytes:
    """The bytes of one zstandard frame, exactly `size` of them."""
    try:
        about = zstandard.get_frame_parameters(frame)
        if about.content_size != size or (largest_window and about.window_size > largest_window):
            raise Damaged(f"a coded image does not state {size} bytes, or asks for too large a window")
        plain = zstandard.ZstdDecompressor().decompress(frame, max_output_size=size, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise Damaged(str(error)) from error
    if len(plain) != size:
        raise Damaged(f"a coded image has {len(plain)} bytes in place of {size}")
    return bytes(plain)


def unfold(folded: np.ndarray) -> np.ndarray:
    """0, 1, 2, 3, … back to 0, -1, 1, -2, …"""
    return np.where(folded % 2 == 0, folded // 2, -(folded + 1) // 2)


class Chain:
    """The images of one stream, each decoded from its bytes and from what the ones before it left."""

    def __init__(self) -> None:
        self.means: np.ndarray | None = None
        self.steps = 0

    def next(self, codec: int, data: bytes, height: int, width: int) -> np.ndarray:
        """The next image of the stream in file order."""
        if not (0 < height <= LARGEST_SIDE and 0 < width <= LARGEST_SIDE):
            raise Damaged(f"an image of {width}x{height}")
        if codec == BACKGROUND:
            return self._over_background(data, height, width)
        decoders = {RAW: raw_image, LEFT: left_image, MED: med_image}
        image = decoders[codec](data, height, width)
        self.means, self.steps = 16 * image.astype(np.int64), 0
        return image

    def _over_background(self, data: bytes, height: int, width: int) -> np.ndarray:
        if len(data) < 9:
            raise Damaged("an image without its head")
        split, weight, rate, step, escapes = struct.unpack_from("<BBBHI", data)
        means, self.means = self.means, None  # a chain that breaks here stays broken up to the next key image
        if means is None or means.shape != (height, width) or not step == self.steps + 1 <= LONGEST_CHAIN:
            raise Damaged(f"an image that is number {step} after its key image does not follow here")
        if weight > 8 or not 1 <= rate <= 7:
            raise Damaged(f"weight {weight} or rate {rate}")
        given, known, differences = symbols(data[9:], split, escapes, height, width)
        level = (means + 8) >> 4
        image = np.where(known, given, 0)
        if weight == 0:
            image = np.where(known, given, (level + differences) % 65536)
        else:
            off = np.zeros((height + 1, width + 1), np.int64)  # row and column 0 stand for the outside
            for r, c in diagonals(height, width):
                guess = level[r, c] + ((weight * (off[r + 1, c] + off[r, c + 1]) + 8) >> 4)
                image[r, c] = np.where(known[r, c], given[r, c], (guess + differences[r, c]) % 65536)
                seen = (image[r, c] != 0) & (means[r, c] != 0)
                off[r + 1, c + 1] = np.where(seen, image[r, c] - level[r, c], 0)
        learned = np.where(means == 0, 16 * image, means + ((16 * image - means) >> rate))
        self.means, self.steps = np.where(image == 0, means, learned), step
        return image.astype(np.uint16)


def raw_image(data: bytes, height: int, width: int) -> np.ndarray:
    """Codec 0."""
    if len(data) != 2 * height * width:
        raise Damaged(f"a raw image of {len(data)} bytes")
    return np.frombuffer(data, "<u2").reshape(height, width).astype(np.uint16)


def left_image(data: bytes, height: int, width: int) -> np.ndarray:
    """Codec 1."""
    low, high = np.frombuffer(unpacked(data, 2 * height * width), np.uint8).reshape(2, height, width).astype(np.int64)
    differences = unfold(low + 256 * high)
    differences[:, 0] = np.cumsum(differences[:, 0])
    return (np.cumsum(differences, axis=1) % 65536).astype(np.uint16)


def med_image(data: bytes, height: int, width: int) -> np.ndarray:
    """Codec 3."""
    if len(data) < 5:
        raise Damaged("an image without its head")
    split, escapes = struct.unpack_from("<BI", data)
    given, known, differences = symbols(data[5:], split, escapes, height, width)
    image = np.zeros((height + 1, width + 1), np.int64)  # row and column 0 stand for the outside
    for r, c in diagonals(height, width):
        left, above, corner = image[r + 1, c], image[r, c + 1], image[r, c]
        left = np.where(left != 0, left, np.where(above != 0, above, corner))
        above = np.where(above != 0, above, left)
        corner = np.where(corner != 0, corner, above)
        guess = np.median((left, above, left + above - corner), axis=0).astype(np.int64)
        image[r + 1, c + 1] = np.where(known[r, c], given[r, c], (guess + differences[r, c]) % 65536)
    return image[1:, 1:].astype(np.uint16)


def symbols(
    frame: bytes, split: int, escapes: int, height: int, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels that are given as such (holes and escapes), where they are, and the differences of all others to their guesses."""
    count = height * width
    if split not in (0, 4) or escapes > count:
        raise Damaged(f"split {split}, {escapes} escapes")
    half = (count + 1) // 2 if split else 0
    plain = np.frombuffer(unpacked(frame, count + half + 2 * escapes, LARGEST_WINDOW), np.uint8)
    coded = plain[:count].astype(np.int64).reshape(height, width)
    if np.count_nonzero(coded == 255) != escapes:
        raise Damaged(f"not the {escapes} escapes that are stated")
    given = np.zeros((height, width), np.int64)
    given[coded == 255] = plain[count + half :].view("<u2") if escapes else 0
    folded = (coded - 1) << split
    if split:
        packed = plain[count : count + half]
        folded += np.stack((packed & 15, packed >> 4), axis=1).reshape(-1)[:count].reshape(height, width)
    return given, (coded == 0) | (coded == 255), unfold(folded)


def diagonals(height: int, width: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows and columns of each anti-diagonal: its pixels need only those of the diagonals before it."""
    for diagonal in range(height + width - 1):
        rows = np.arange(max(0, diagonal - width + 1), min(diagonal, height - 1) + 1)
        yield rows, diagonal - rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--to", type=Path, help="folder for the images")
    chosen = parser.parse_args()
    print(json.dumps(header(chosen.file), indent=2))
    for number, found in enumerate(images(chosen.file)):
        image = found.pop("image")
        print(json.dumps(found))
        if chosen.to is not None:
            chosen.to.mkdir(parents=True, exist_ok=True)
            name = chosen.to / f"{number:06d}-{found['stream']}"
            if isinstance(image, bytes):
                name.with_suffix(".jpg").write_bytes(image)
            else:
                np.save(name.with_suffix(".npy"), image)
    print(
        f"{sum(1 for _ in previews(chosen.file))} previews, {sum(1 for _ in gaps(chosen.file))} gaps, {len(imu(chosen.file))} imu samples"
    )
    print("sealed" if index(chosen.file) is not None else "not sealed, or cut: read up to the last whole record")
    return 0


if __name__ == "__main__":
    sys.exit(main())
