"""The object store, in a folder and on a real S3: whole objects, ranges, and clear answers for what is not there."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from cloud.objects import READ_BYTES, Objects, object_key, upload_key
from cloud.settings import ObjectsSection
from shared.errors import Transient
from tests.brokers import free_port
from tests.object_stores import Swift


@pytest.fixture
def folder(tmp_path: Path) -> Objects:
    return Objects(ObjectsSection(url=f"file://{tmp_path / 'store'}"))


@pytest.fixture(scope="module")
def bucket(swift: Swift) -> Objects:
    return Objects(swift.section("objects"))


@pytest.fixture(params=["folder", "bucket"])
def objects(request: pytest.FixtureRequest) -> Objects:
    found: Objects = request.getfixturevalue(request.param)
    return found


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


async def test_the_hash_is_of_what_the_store_holds(objects: Objects) -> None:
    body = bytes(range(256)) * (READ_BYTES // 256 + 3)
    await objects.put("hashed", body)
    assert await objects.hash("hashed") == (hashlib.sha256(body).hexdigest(), len(body))
    with pytest.raises(FileNotFoundError):
        await objects.hash("nothing")


async def test_keys_are_listed_with_their_age(objects: Objects) -> None:
    keys = {object_key("north", "a" * 64), upload_key("north", "bed-1", "b" * 64)}
    for key in keys:
        await objects.put(key, b"x")
    objects.settle(object_key("north", "a" * 64))
    listed = {key: changed_s async for key, changed_s in objects.keys("sites")}
    assert set(listed) == keys
    assert all(changed_s > 1.7e9 for changed_s in listed.values())


async def test_a_lost_object_cannot_be_settled(folder: Objects) -> None:
    with pytest.raises(FileNotFoundError):
        folder.settle("nothing")


async def test_a_store_that_is_not_there_is_a_passing_trouble() -> None:
    section = ObjectsSection(
        url="s3://nowhere/x", endpoint=f"http://127.0.0.1:{free_port()}", access_key="a", secret_key=SecretStr("b")
    )
    away = Objects(section)
    with pytest.raises(Transient, match="object store"):
        away.s3.begin("a")
    with pytest.raises(Transient, match="object store"):
        await away.size("a")
