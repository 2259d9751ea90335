"""The real supervisor with some rows of the real table: `python -m tests.edge_agent.small_agent CONFIG NAME…`."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

import structlog

from edge_agent.process_table import ROWS, SUPERVISOR
from edge_agent.ring.folder import locked, prepare_folder
from edge_agent.settings import load_settings
from edge_agent.supervisor import Supervisor, command_of
from shared.clock import SystemClock
from shared.logs import set_up_logs

SETTINGS = """
[bed]
site = "north"
bed = "bed-4"
[storage]
folder = "data"
max_bytes = 1_000_000_000
reserve_bytes = 1_048_576
[source]
kind = "mkv_playback"
file = "{recording}"
loop = true
[detector]
releases_folder = "releases"
release = "none"
[mqtt]
host = "127.0.0.1"
port = 1
[cloud]
url = "http://127.0.0.1:1"
"""


def write_settings(folder: Path, recording: Path) -> Path:
    path = folder / "bed.toml"
    path.write_text(SETTINGS.format(recording=recording))
    return path


def main() -> None:
    config, names = Path(sys.argv[1]), sys.argv[2:]
    settings = load_settings(config)
    set_up_logs("deepepil-edge", SUPERVISOR)
    folder = settings.storage.folder
    prepare_folder(folder, settings.bed.site, settings.bed.bed)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    rows = [row for row in ROWS if row.name in names]
    with locked(folder, SUPERVISOR):
        Supervisor(folder, rows, command_of(config), SystemClock(), stop, structlog.get_logger()).run()


if __name__ == "__main__":
    main()
