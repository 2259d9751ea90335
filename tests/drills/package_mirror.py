"""Stands for a hospital's mirror of Debian: an HTTP proxy for GET that keeps packages, so that a second drill fetches none again."""

from __future__ import annotations

import hashlib
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

import httpx

ALLOWED = frozenset({"deb.debian.org", "security.debian.org"})
LIMIT_S = 120.0


class PackageMirror:
    """Answers on one address for the time of the block; knows Debian's hosts alone. Only packages are kept, indexes are not."""

    def __init__(self, address: str, port: int, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._server = ThreadingHTTPServer((address, port), _handler(folder))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.2,), daemon=True)

    def __enter__(self) -> PackageMirror:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


def _handler(folder: Path) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """One request of apt."""

        protocol_version = "HTTP/1.1"
        timeout = LIMIT_S

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.hostname not in ALLOWED:
                self.send_error(403, "not a host of Debian")
                return
            kept = folder / hashlib.sha256(self.path.encode()).hexdigest()
            try:
                if not kept.exists():
                    _fetch(self.path, kept)
                body = kept.read_bytes()
            except httpx.HTTPStatusError as error:
                self.send_error(error.response.status_code)
                return
            except (OSError, httpx.HTTPError) as error:
                self.send_error(502, str(error)[:100])
                return
            if not parts.path.endswith(".deb"):
                kept.unlink(missing_ok=True)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's own name
            """Nothing: what apt says is enough."""

    return Handler


def _fetch(url: str, kept: Path) -> None:
    partial = kept.with_name(f"{kept.name}.{threading.get_ident()}")
    with httpx.stream("GET", url, timeout=LIMIT_S, follow_redirects=True) as answer, partial.open("wb") as file:
        answer.raise_for_status()
        for piece in answer.iter_raw():
            file.write(piece)
    partial.replace(kept)
