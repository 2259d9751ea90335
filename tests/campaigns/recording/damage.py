"""Bytes that change on the disk: bits, cuts and empty blocks in sealed segments, and pages of the database.

Undetected is: a reader gives a picture, a preview or a gap that is not the one that was written, or the check finds no fault.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edge_agent.database import open_database
from edge_agent.ring.folder import read_identity
from edge_agent.ring.opening import begin_work
from shared import segment_records
from shared.clock import SystemClock
from shared.errors import DeepEpilError, Refused
from shared.segment import SegmentReader
from tests.campaigns.recording.bed import Bed
from tests.campaigns.recording.children import answer
from tests.campaigns.recording.disks import Bench
from tests.campaigns.recording.tally import Tally
from tests.campaigns.recording.truth import check

FLIPS = "one bit flipped in a segment"
CUTS = "segment cut"
BLOCKS = "4 KiB of a segment zeroed"
PAGES = "database page damaged"
FLIP_STEP_BITS = 997
CUT_STEP_BYTES = 512
BLOCK_BYTES = 4096
Served = dict[tuple[str, int], int]


def segments(bench: Bench, tally: Tally, share: float, seed: int, mutation: str = "") -> None:
    """All three kinds of damage to one sealed segment; of each that share of its cases, evenly spread."""
    tally.seeds[FLIPS] = seed
    bed = Bed(bench.place("damage") / "bed", seed, colour_apart=False)
    child = bed.begin(bed.plan(frames=40, restless=0.0, laps_last=4))
    child.end()
    bed.hear(child)
    path = next((bed.folder / "segments").iterdir())
    cases = answer(lambda: _all_damage(bed.folder, path, max(1, round(1 / share)), mutation))
    for trial, tried, undetected in cases:
        tally.trials[trial] += tried
        tally.counts[f"{trial}: undetected"] += len(undetected)
        for what in undetected[:5]:
            tally.complain(trial, f"seed {seed + 1}", what)
        tally.say(f"{trial}: {tried} cases, {len(undetected)} undetected")


def _all_damage(folder: Path, path: Path, every: int, mutation: str) -> list[tuple[str, int, list[str]]]:
    if mutation == "crc_not_compared":
        vars(segment_records)["crc32"] = lambda *_: 0
    body = path.read_bytes()
    written, whole = _serve(path)
    assert whole, "the segment is not whole to begin with"
    changes: dict[str, list[tuple[str, bytes]]] = {FLIPS: [], CUTS: [], BLOCKS: []}
    for bit in range(0, 8 * len(body), FLIP_STEP_BITS * every):
        flipped = bytearray(body)
        flipped[bit // 8] ^= 1 << bit % 8
        changes[FLIPS].append((f"bit {bit}", bytes(flipped)))
    for size in range(0, len(body), CUT_STEP_BYTES * min(every, 8)):
        changes[CUTS].append((f"cut at {size}", body[:size]))
    for start in range(0, len(body), BLOCK_BYTES * min(every, 4)):
        changed = body[:start] + bytes(min(BLOCK_BYTES, len(body) - start)) + body[start + BLOCK_BYTES :]
        if changed != body:
            changes[BLOCKS].append((f"block at {start}", changed))
    found = []
    for trial, cases in changes.items():
        undetected: list[str] = []
        for what, changed in cases:
            path.write_bytes(changed)
            undetected += _undetected(folder, path, what, written)
        found.append((trial, len(cases), undetected))
    path.write_bytes(body)
    return found


def _undetected(folder: Path, path: Path, what: str, written: Served) -> Iterator[str]:
    served, whole = _serve(path)
    wrong = [key for key, value in served.items() if written.get(key) != value]
    if wrong:
        yield f"{what}: {len(wrong)} records were served that were never written"
    if whole and served != written:
        yield f"{what}: the reader calls the segment whole and gives another one"
    code, lines = check(folder, "--read-data")
    if code != 1 or not any(line.startswith("I1") for line in lines):
        yield f"{what}: the check says {lines[-1:]}"


def _serve(path: Path) -> tuple[Served, bool]:
    """All that the reader gives, as CRC by kind and number, and whether it calls the file sealed and refused nothing."""
    served: Served = {}
    whole = True
    try:
        with SegmentReader(path) as reader:
            whole = reader.sealed
            whole &= _take(reader.frames(), served)
            whole &= _take(reader.previews(), served)
            for number, gap in enumerate(reader.gaps()):
                served["gap", number] = zlib.adler32(gap.model_dump_json().encode())
    except Refused:
        whole = False
    return served, whole


def _take(records: Iterator[Any], served: Served) -> bool:
    """Each record by itself: one that is refused does not hide the others."""
    whole = True
    while True:
        try:
            record = next(records)
            if hasattr(record, "pixels"):
                words = (record.index, record.mono_ns, record.utc_ns, record.device_ns)
                served[record.stream.value, record.index] = zlib.adler32(
                    record.pixels().tobytes() + repr(words).encode()
                )
            else:
                words = (record.index, record.mono_ns, record.utc_ns, 0)
                data = record.ir.tobytes() + record.depth.tobytes() + repr(words).encode()
                served["preview", record.index] = zlib.adler32(data)
        except StopIteration:
            return whole
        except Refused:
            whole = False


def database(bench: Bench, tally: Tally, pages: int, seed: int) -> None:
    """Each page zeroed, filled with noise, or with one bit flipped: the start or the check must say so, and repair mends it."""
    tally.seeds[PAGES] = seed
    bed = Bed(bench.place("pages") / "bed", seed)
    child = bed.begin(bed.plan(frames=700, seal_each=20, ring_bytes=800_000, pins=0.02, pinned_s=2))
    child.end()
    bed.hear(child)
    kept = bed.folder / "edge.db"
    rng = random.Random(seed)
    body = kept.read_bytes()
    numbers = rng.sample(range(len(body) // 4096), min(pages, len(body) // 4096))
    for number in numbers:
        for kind in ("zeros", "noise", "bit"):
            where = f"page {number} of {len(body) // 4096}, {kind}, seed {seed + 1}"
            copy = bench.place("copy") / "bed"
            shutil.copytree(bed.folder, copy)
            with _damaged(copy / "edge.db", number, kind, rng):
                _judge_page(bed, tally, copy, where, kind)
            shutil.rmtree(copy.parent)
    tally.say(f"{PAGES}: {tally.trials[PAGES]} cases, {tally.counts['pages undetected']} undetected")


@contextmanager
def _damaged(path: Path, number: int, kind: str, rng: random.Random) -> Iterator[None]:
    with path.open("r+b") as file:
        file.seek(4096 * number)
        page = bytearray(file.read(4096))
        if kind == "bit":
            bit = rng.randrange(8 * len(page))
            page[bit // 8] ^= 1 << bit % 8
        else:
            page[:] = bytes(4096) if kind == "zeros" else rng.randbytes(4096)
        file.seek(4096 * number)
        file.write(page)
    yield


def _judge_page(bed: Bed, tally: Tally, copy: Path, where: str, kind: str) -> None:
    tally.trials[PAGES] += 1
    same, said, code = answer(lambda: _look(bed.folder, copy))
    if not same and not said and code == 0:
        tally.counts["pages undetected"] += 1
        if kind != "bit":
            tally.complain(PAGES, where, "neither the start nor the check says anything, and the rows are others")
    if same or kind == "bit":
        return
    code, lines = answer(lambda: check(copy, "--repair", "--read-data"))
    left = [line for line in lines if line[:3] in {"I1:", "I2:", "I3:", "I7:"} or code not in {0, 1}]
    tally.counts["databases repaired"] += not left
    tally.counts["repairs that tell of lost messages"] += any(line.startswith("I4:") for line in lines)
    tally.expect(PAGES, where, not left, f"check --repair left faults: {left[:3]}")
    back = answer(lambda: _hashes(copy))
    missing = answer(lambda: _hashes(bed.folder))
    tally.expect(PAGES, where, set(missing) <= set(back), "segments are missing in the repaired catalogue")


def _look(original: Path, copy: Path) -> tuple[bool, str, int]:
    """Whether the rows are the same, what the start says, and the code of the check."""
    code, lines = check(copy, "--read-data")
    said = ""
    try:
        begin_work(copy, read_identity(copy), SystemClock())
    except DeepEpilError as error:
        said = error.sentence
    if code not in {0, 1} and not lines:
        said = said or "the check ended without a word"
    return _rows(original / "edge.db") == _rows(copy / "edge.db"), said, code


def _rows(path: Path) -> list[str] | None:
    """Every row of every table but what an opening counts; None when they cannot be read."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        tables = [
            row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")
        ]
        found = []
        for table in tables:
            rows = connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608
            found += [f"{table} {row}" for row in sorted(rows, key=repr) if "opened" not in row]
        return found
    except sqlite3.DatabaseError:
        return None
    finally:
        connection.close()


def _hashes(folder: Path) -> list[str]:
    connection = open_database(folder)
    try:
        return [row["sha256"] for row in connection.execute("SELECT sha256 FROM segments")]
    finally:
        connection.close()
