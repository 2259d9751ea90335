"""The built web pages: files, scripts and styles packed, and the single page, which tells the browser at once what it will ask first."""

from __future__ import annotations

import asyncio
import gzip
import mimetypes
from functools import lru_cache, partial
from pathlib import Path
from uuid import UUID

from fastapi import FastAPI, Request, Response

from cloud.accounts.routes import COOKIE
from cloud.accounts.rules import Right, roles_with
from cloud.accounts.service import session_of
from cloud.database import UNREACHABLE
from cloud.problems import HttpProblem, absent

SESSION = "/api/v1/session"
FIRST_LIST = "/api/v1/worklist?state=open&limit=50"
"""What the worklist page asks when it is opened, letter by letter: src/worklist.ts."""


_WORTH_PACKING = frozenset({".js", ".css", ".svg"})


def asked_first(path: str) -> list[str]:
    """What the page at this path asks before it can show anything: fetched while its script is still on the way."""
    head, _, rest = path.partition("/")
    if path == "":
        return [SESSION, FIRST_LIST]
    if head == "events" and _is_id(rest):
        return [SESSION, f"/api/v1/events/{rest}"]
    return [SESSION]


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def install_pages(app: FastAPI, folder: Path) -> None:
    """Serves the built web pages; every address that is no file is the single page, which finds its own way."""
    root = folder.resolve()

    @app.get("/{path:path}", include_in_schema=False)
    async def pages(path: str, request: Request) -> Response:
        if path == "api" or path.startswith("api/"):
            raise absent()
        index = root / "index.html"
        if not index.is_file():
            raise HttpProblem(404, "The web pages are not built; `make web` builds them.")
        wanted = _file_within(root, path)
        if wanted is not None:
            forever = "public, max-age=31536000, immutable" if path.startswith("assets/") else "no-cache"
            return await _file(wanted, forever, "gzip" in request.headers.get("accept-encoding", ""))
        if "." in path.rsplit("/", 1)[-1]:
            raise absent()
        answer = await _file(index, "no-cache", packed=False)
        addresses = asked_first(path) if await _sees_events(request) else [SESSION]
        answer.headers["link"] = ", ".join(f"<{each}>; rel=preload; as=fetch; crossorigin" for each in addresses)
        return answer


async def _sees_events(request: Request) -> bool:
    """Whether the asker may see events: for others the fetching ahead would be refused, and each refusal is audited."""
    parts = request.app.state.parts
    try:
        found = await session_of(request.cookies.get(COOKIE), parts.clock.utc_ns(), background=True)
    except UNREACHABLE:  # the page itself needs no database, and says what is the matter
        return False
    if found is None or (parts.second_factor_required and not found.second_factor):
        return False
    return bool(found.principal.roles & roles_with(Right.see_events))


async def _file(path: Path, keep: str, packed: bool) -> Response:
    """The file; scripts and styles packed by gzip where the browser takes that. They are small and read at one go."""
    packed = packed and path.suffix in _WORTH_PACKING
    stat = path.stat()
    read = partial(_packed, path, stat.st_mtime_ns, stat.st_size) if packed else path.read_bytes
    headers = {"cache-control": keep, "vary": "accept-encoding"}
    if packed:
        headers["content-encoding"] = "gzip"
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Response(await asyncio.to_thread(read), headers=headers, media_type=kind)


@lru_cache(maxsize=32)
def _packed(path: Path, _changed_ns: int, _size_bytes: int) -> bytes:
    """Packed once for each build: time and length tell a new one."""
    return gzip.compress(path.read_bytes(), 9, mtime=0)


def _file_within(root: Path, path: str) -> Path | None:
    try:
        wanted = (root / path).resolve()
        return wanted if path and wanted.is_relative_to(root) and wanted.is_file() else None
    except (OSError, ValueError):  # a name that no file can have: too long, or with NUL in it
        return None
