"""The bed's figures for Prometheus: its heartbeat and its certificate's end, served to programs of this machine alone."""

from __future__ import annotations

import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from shared.bed_metrics import BedNews, bed_metrics
from shared.clock import NS_PER_S
from shared.errors import Misconfigured
from shared.finding import certificate_end_ns
from shared.heartbeat import Heartbeat
from shared.metrics import CONTENT_TYPE, Metric, metrics_text

PATIENCE_S = 5.0


def page_of(site: str, bed: str, heartbeat: Heartbeat, certificate: Path | None) -> str:
    """The page of one bed; the heartbeat is fresh."""
    metrics = bed_metrics([BedNews(site, bed, heartbeat, 0.0)])
    end_ns = None if certificate is None else certificate_end_ns(certificate)
    if end_ns is not None:
        end = Metric("certificate_end_timestamp_seconds", "when a certificate ends")
        end.add(end_ns / NS_PER_S, of=f"{site}.{bed}")
        metrics.append(end)
    return metrics_text(metrics)


class MetricsListener:
    """Answers GET /metrics on 127.0.0.1 with the newest page, from a thread of its own."""

    def __init__(self, port: int) -> None:
        """Listens at once; port 0 takes a free one. Raises Misconfigured for a port that is in use."""
        self._page = b""
        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        except OSError as error:
            raise Misconfigured(f"metrics.port: {port} cannot be used: {error.strerror}.") from error
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.2,), daemon=True)
        self._thread.start()

    def show(self, page: str) -> None:
        """The page from now on."""
        self._page = page.encode()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(PATIENCE_S)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        listener = self

        class Handler(BaseHTTPRequestHandler):
            """One request; a client that says nothing for 5 s is cut off."""

            timeout = PATIENCE_S

            def do_GET(self) -> None:
                found = self.path == "/metrics" and bool(listener._page)
                body = listener._page if found else b"There is nothing here.\n"
                self.send_response(200 if found else 404)
                self.send_header("Content-Type", CONTENT_TYPE if found else "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with suppress(OSError):
                    self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's own name
                """Nothing: a reader each few seconds is no event."""

        return Handler
