"""Every way of tampering with a chain, and the sentence that names the row; signed heads, and who can forge them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cloud.audit.rules import FIRST_HASH, Entry, entry_hash
from cloud.audit.signed_heads import HeadsFile, make_key, read_heads
from cloud.audit.verify import SignedHead, faults_of
from shared.errors import Misconfigured, Refused

Chain = list[tuple[Entry, str]]
SIGNED_AT_NS = 1_780_000_000_000_000_000
LONG = 20


def chain(length: int = LONG, who: str = "ana") -> Chain:
    rows: Chain = []
    previous = FIRST_HASH
    for number in range(1, length + 1):
        entry = Entry("north", number, who, "clip_viewed", f"event {number}", {"n": number}, number, previous)
        previous = entry_hash(entry)
        rows.append((entry, previous))
    return rows


def signed(rows: Chain, *numbers: int) -> dict[int, SignedHead]:
    return {number: SignedHead("north", number, rows[number - 1][1], SIGNED_AT_NS) for number in numbers}


async def faults(rows: Chain, kept: dict[int, SignedHead], head: tuple[int, str] | None = None) -> list[str]:
    async def read() -> AsyncIterator[tuple[Entry, str]]:
        for row in rows:
            yield row

    end = head or (rows[-1][0].number, rows[-1][1])
    found = [fault async for fault in faults_of("north", read(), end, kept)]
    return [fault.removeprefix("audit chain of north: ") for fault in found]


async def test_a_whole_chain_has_no_fault() -> None:
    rows = chain()
    assert await faults(rows, signed(rows, 5, 10, 20)) == []


def altered(rows: Chain) -> Chain:
    entry, stored = rows[6]
    return [*rows[:6], (replace(entry, who="nobody"), stored), *rows[7:]]


def altered_with_its_hash(rows: Chain) -> Chain:
    entry = replace(rows[6][0], who="nobody")
    return [*rows[:6], (entry, entry_hash(entry)), *rows[7:]]


def deleted(rows: Chain) -> Chain:
    return rows[:6] + rows[7:]


def three_deleted(rows: Chain) -> Chain:
    return rows[:6] + rows[9:]


def put_in(rows: Chain) -> Chain:
    entry = replace(rows[6][0], number=7, who="nobody")
    return [*rows[:6], (entry, entry_hash(entry)), *rows[6:]]


@pytest.mark.parametrize(
    ("tamper", "sentence"),
    [
        (altered, "entry 7 was changed after it was written"),
        (altered_with_its_hash, "entry 8 does not follow entry 7"),
        (deleted, "entry 7 is missing"),
        (three_deleted, "entries 7 to 9 are missing"),
        (put_in, "entries 8 to 6 are missing"),
    ],
)
async def test_each_tampering_is_named_by_the_chain_alone(tamper: Callable[[Chain], Chain], sentence: str) -> None:
    assert sentence in await faults(tamper(chain()), {})


async def test_all_rows_that_were_altered_are_named_not_the_first_alone() -> None:
    rows = chain()
    rows[2] = (replace(rows[2][0], deed="x"), rows[2][1])
    rows[11] = (replace(rows[11][0], deed="x"), rows[11][1])
    assert await faults(rows, {}) == [f"entry {number} was changed after it was written" for number in (3, 12)]


async def test_a_tail_that_was_cut_is_shown_by_the_head_and_by_what_was_signed() -> None:
    rows = chain()
    assert await faults(rows[:15], {}, (20, rows[-1][1])) == ["it ends at entry 15, its head says 20"]
    cut_with_its_head = await faults(rows[:15], signed(rows, 10, 20))
    assert cut_with_its_head == ["entries 16 to 20 were cut off; they were there at 2026-05-28 20:26:40 UTC"]


async def test_a_chain_written_anew_is_shown_by_what_was_signed_and_by_nothing_else() -> None:
    rows = chain()
    forged = rows[:6]
    previous = rows[5][1]
    for entry, _ in rows[6:]:
        again = replace(entry, who="nobody", previous_hash=previous)
        previous = entry_hash(again)
        forged.append((again, previous))
    assert await faults(forged, {}) == []
    assert await faults(forged, signed(rows, 6, 10, 20)) == [
        f"one of the entries {first} to {last} is not what was signed at 2026-05-28 20:26:40 UTC:"
        " the chain was written anew"
        for first, last in ((7, 10), (11, 20))
    ]


class TestSignedHeads:
    """The file off this machine."""

    @pytest.fixture
    def keys(self, tmp_path: Path) -> tuple[HeadsFile, Path]:
        public = tmp_path / "public.pem"
        public.write_text(make_key(tmp_path / "key.pem"))
        return HeadsFile.open(tmp_path / "heads.jsonl", tmp_path / "key.pem"), public

    def test_what_was_written_is_read_again(self, keys: tuple[HeadsFile, Path]) -> None:
        file, public = keys
        heads = signed(chain(), 5, 10)
        file.append(heads.values())
        file.append([])
        assert read_heads(file.path, public) == ({"north": heads}, [])

    @pytest.mark.parametrize(("field", "value"), [("number", 4), ("hash", "f" * 64), ("at_ns", 1), ("site", "south")])
    def test_a_line_that_was_altered_is_named(self, keys: tuple[HeadsFile, Path], field: str, value: object) -> None:
        file, public = keys
        file.append(signed(chain(), 5, 10).values())
        lines = file.path.read_text().splitlines()
        lines[1] = json.dumps({**json.loads(lines[1]), field: value})
        file.path.write_text("\n".join(lines))
        found, faults = read_heads(file.path, public)
        assert faults == ["heads.jsonl: line 2 is not what the key signed"]
        assert list(found["north"]) == [5]

    @pytest.mark.parametrize("line", [b"{", b"[]", b"null", b"\xff", b"[" * 1_000, b"x" * 5_000, b"{}"])
    def test_a_line_that_is_none_is_named(self, keys: tuple[HeadsFile, Path], line: bytes) -> None:
        file, public = keys
        file.path.write_bytes(line)
        assert read_heads(file.path, public)[1]

    def test_another_key_proves_nothing(self, keys: tuple[HeadsFile, Path], tmp_path: Path) -> None:
        file, _ = keys
        file.append(signed(chain(), 5).values())
        other = tmp_path / "other.pem"
        other.write_text(make_key(tmp_path / "other-key.pem"))
        assert read_heads(file.path, other) == ({}, ["heads.jsonl: line 1 is not what the key signed"])

    def test_a_number_signed_with_two_hashes_is_told(self, keys: tuple[HeadsFile, Path]) -> None:
        file, public = keys
        file.append([*signed(chain(), 5).values(), *signed(chain(who="eve"), 5).values()])
        assert read_heads(file.path, public)[1] == ["heads.jsonl: entry 5 of north was signed with two hashes"]

    def test_the_key_is_its_owners_alone_and_is_never_written_over(self, tmp_path: Path) -> None:
        make_key(tmp_path / "key.pem")
        assert (tmp_path / "key.pem").stat().st_mode & 0o077 == 0
        with pytest.raises(Refused):
            make_key(tmp_path / "key.pem")

    def test_what_is_no_key_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "no.pem").write_text("no key")
        with pytest.raises(Misconfigured, match="signing_key_file"):
            HeadsFile.open(tmp_path / "heads.jsonl", tmp_path / "no.pem")
        with pytest.raises(Misconfigured):
            read_heads(tmp_path / "heads.jsonl", tmp_path / "no.pem")
