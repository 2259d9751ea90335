"""The object store: a local folder or any S3, by URL. In: keys and bytes. Out: the same bytes, durable once `settle` returned."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import obstore
from obstore.store import LocalStore, ObjectStore, S3Store

from cloud.settings import ObjectsSection, folder_of
from shared.errors import Transient

if TYPE_CHECKING:
    from cloud.s3_client import S3Client

READ_BYTES = 4 * 1024 * 1024
RETRY: Any = {"max_retries": 3, "retry_timeout": timedelta(seconds=30)}
"""A request of a bed waits for the store no longer than the bed waits for the answer."""


def object_key(site: str, sha256: str) -> str:
    """Where a whole object of a site lies."""
    return f"sites/{site}/objects/{sha256[:2]}/{sha256}"


def upload_key(site: str, bed: str, sha256: str) -> str:
    """Where a folder keeps what one bed has sent of an object that is not whole yet."""
    return f"sites/{site}/uploads/{bed}/{sha256}"


class Objects:
    """One object store. All methods raise Transient when it does not answer; reading what is absent raises FileNotFoundError."""

    def __init__(self, section: ObjectsSection) -> None:
        self._section = section
        self.folder = folder_of(section.url)
        self.store: ObjectStore = _open(section, self.folder)

    @cached_property
    def s3(self) -> S3Client:
        """For multipart uploads; only where the store is an S3, that is `folder` is None."""
        from cloud.s3_client import S3Client  # botocore loads slowly and is of no use to a folder

        return S3Client(self._section)

    async def put(self, key: str, source: Path | bytes | AsyncIterator[bytes]) -> None:
        """Writes the object whole or not at all; an older one of this key is replaced."""
        try:
            await obstore.put_async(self.store, key, source)
        except FileNotFoundError:
            raise
        except (OSError, obstore.exceptions.BaseError) as error:
            raise Transient(f"The object store did not take {key}: {error}.") from error

    async def size(self, key: str) -> int | None:
        """Bytes of the object, None when there is none."""
        try:
            return int((await obstore.head_async(self.store, key))["size"])
        except FileNotFoundError:
            return None
        except (OSError, obstore.exceptions.BaseError) as error:
            raise Transient(f"The object store did not answer for {key}: {error}.") from error

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes [start, end) in pieces of a few MiB."""
        size = await self.size(key)
        if size is None:
            raise FileNotFoundError(key)
        end = size if end is None else min(end, size)
        for at in range(start, end, READ_BYTES):
            try:
                piece = await obstore.get_range_async(self.store, key, start=at, end=min(at + READ_BYTES, end))
            except FileNotFoundError:
                raise
            except (OSError, obstore.exceptions.BaseError) as error:
                raise Transient(f"The object store broke off {key}: {error}.") from error
            yield bytes(piece)

    async def hash(self, key: str) -> tuple[str, int]:
        """SHA-256 and bytes of what the store holds, read back whole in bounded memory. Raises FileNotFoundError, Transient."""
        if self.folder is not None:
            return await asyncio.to_thread(hash_path, self.folder / key)
        digest = hashlib.sha256()
        size = 0
        async for piece in self.read(key):
            await asyncio.to_thread(digest.update, piece)
            size += len(piece)
        return digest.hexdigest(), size

    async def delete(self, key: str) -> None:
        """Removes the object; what is not there is no error."""
        try:
            await obstore.delete_async(self.store, key)
        except FileNotFoundError:
            return
        except (OSError, obstore.exceptions.BaseError) as error:
            raise Transient(f"The object store did not remove {key}: {error}.") from error

    async def keys(self, prefix: str) -> AsyncIterator[tuple[str, float]]:
        """Every key under the prefix with the time of its last change, in seconds since 1970."""
        async for page in obstore.list(self.store, prefix):
            for found in page:
                yield found["path"], found["last_modified"].timestamp()

    def settle(self, key: str) -> None:
        """Makes a written object survive a power cut. A local folder needs it: file, then every folder above it; S3 does not."""
        if self.folder is None:
            return
        path = self.folder / key
        _sync(path)
        for parent in path.parents:
            _sync(parent)
            if parent == self.folder:
                return


def hash_path(path: Path) -> tuple[str, int]:
    """SHA-256 and bytes of a file. Raises FileNotFoundError, Transient."""
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(1024 * 1024))
    size = 0
    try:
        with path.open("rb", buffering=0) as file:
            while count := file.readinto(buffer):
                digest.update(buffer[:count])
                size += count
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Transient(f"The object store broke off {path.name}: {error.strerror}.") from error
    return digest.hexdigest(), size


def _open(section: ObjectsSection, folder: Path | None) -> ObjectStore:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        return LocalStore(folder)
    options: dict[str, Any] = {"region": section.region, "virtual_hosted_style_request": False}
    if section.endpoint is not None:
        options["endpoint"] = section.endpoint
    if section.access_key is not None and section.secret_key is not None:
        options["access_key_id"] = section.access_key
        options["secret_access_key"] = section.secret_key.get_secret_value()
    allow_http = (section.endpoint or "").startswith("http://")
    client: Any = {"allow_http": allow_http, "connect_timeout": "10s", "timeout": "120s"}
    return S3Store.from_url(section.url, client_options=client, retry_config=RETRY, **options)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        raise Transient(f"The disk did not keep {path.name}: {error.strerror}.") from error
    finally:
        os.close(descriptor)
