"""The object store in a folder: whole objects, ranges, and clear answers for what is not there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cloud.objects import READ_BYTES, Objects, object_key, upload_key
from cloud.settings import ObjectsSection
from shared.errors import Transient


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects(ObjectsSection(url=f"file://{tmp_path / 'store'}"))


async def read(objects: Objects, key: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([piece async for piece in objects.read(key, start, end)])


async def test_bytes_come_back_whole_and_in_parts(objects: Objects) -> None:
    body = bytes(range(256)) * (READ_BYTES // 256 + 3)
    await objects.put("a/b", body)
    assert await objects.size("a/b") == len(body)
    assert await read(objects, "a/b") == body
    assert await read(objects, "a/b", READ_BYTES - 5, READ_BYTES + 5) == body[READ_BYTES - 5 : READ_BYTES + 5]
    assert await read(objects, "a/b", len(body) - 1, len(body) + 99) == body[-1:]


async def test_an_object_may_come_as_a_file_or_piece_by_piece(objects: Objects, tmp_path: Path) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"piece"

    (tmp_path / "file").write_bytes(b"from a file")
    await objects.put("one", tmp_path / "file")
    await objects.put("two", pieces())
    await objects.put("two", pieces())
    assert (await read(objects, "one"), await read(objects, "two")) == (b"from a file", b"piece" * 3)


async def test_a_source_that_breaks_off_leaves_no_object(objects: Objects) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"piece"
        raise FileNotFoundError("chunk")

    with pytest.raises((FileNotFoundError, Transient)):
        await objects.put("broken", pieces())
    assert await objects.size("broken") is None


async def test_what_is_not_there_is_no_size_no_bytes_and_no_harm_to_remove(objects: Objects) -> None:
    assert await objects.size("nothing") is None
    await objects.delete("nothing")
    with pytest.raises(FileNotFoundError):
        await read(objects, "nothing")


async def test_keys_are_listed_with_their_age(objects: Objects, tmp_path: Path) -> None:
    for key in (object_key("north", "a" * 64), upload_key("north", "bed-1", "b" * 64)):
        await objects.put(key, b"x")
        objects.settle(key)
    listed = {key: changed_s async for key, changed_s in objects.keys("sites")}
    assert set(listed) == {f"sites/north/objects/aa/{'a' * 64}", f"sites/north/uploads/bed-1/{'b' * 64}"}
    assert all(changed_s > 1.7e9 for changed_s in listed.values())


async def test_a_lost_object_cannot_be_settled(objects: Objects) -> None:
    with pytest.raises(FileNotFoundError):
        objects.settle("nothing")
