"""The object store: a local folder or any S3, by URL. In: keys and bytes. Out: the same bytes, durable once `settle` returned."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import obstore
from obstore.store import LocalStore, ObjectStore, S3Store

from cloud.settings import ObjectsSection, folder_of
from shared.errors import Transient

READ_BYTES = 4 * 1024 * 1024


def object_key(site: str, sha256: str) -> str:
    """Where a whole object of a site lies."""
    return f"sites/{site}/objects/{sha256[:2]}/{sha256}"


def chunk_key(site: str, sha256: str, number: int) -> str:
    """Where a chunk lies until its object is whole."""
    return f"sites/{site}/uploads/{sha256}/{number:04d}"


class Objects:
    """One object store. All methods raise Transient when it does not answer; reading what is absent raises FileNotFoundError."""

    def __init__(self, section: ObjectsSection) -> None:
        self._folder = folder_of(section.url)
        self.store: ObjectStore = _open(section, self._folder)

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
        if self._folder is None:
            return
        path = self._folder / key
        _sync(path)
        for parent in path.parents:
            _sync(parent)
            if parent == self._folder:
                return


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
    return S3Store.from_url(section.url, client_options={"allow_http": allow_http}, **options)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        raise Transient(f"The disk did not keep {path.name}: {error.strerror}.") from error
    finally:
        os.close(descriptor)
