"""Crashes inside one process: an armed failpoint raises what no code of ours catches, and that side starts again from its disk."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable

from shared import failpoints
from shared.failpoints import DELIVERY_POINTS, TRANSFER_POINTS

CLOUD_POINTS = frozenset(
    {
        "before_event_commit", "after_event_commit_before_receipt", "after_receipt_before_ack", "before_comparison_commit",
        "after_chunk_put_before_mark", "after_object_stored_before_row", "after_complete_before_receipt",
    }
)  # fmt: skip
POINTS = tuple(name for name in (*DELIVERY_POINTS, *TRANSFER_POINTS))


class Crash(BaseException):
    """The process is gone, as by kill -9."""


class BedCrash(Crash):
    """A process of the bed."""


class CloudCrash(Crash):
    """An ingester or an api process."""


class Crashes:
    """What is armed (point to hits left), what fired, and who watches a point without crashing."""

    def __init__(self) -> None:
        self.armed: dict[str, int] = {}
        self.fired: Counter[str] = Counter()
        self.watchers: dict[str, Callable[[], None]] = {}

    def hit(self, name: str) -> None:
        """In place of `shared.failpoints.hit`."""
        watcher = self.watchers.get(name)
        if watcher is not None:
            watcher()
        left = self.armed.get(name)
        if left is None:
            return
        if left > 1:
            self.armed[name] = left - 1
            return
        del self.armed[name]
        self.fired[name] += 1
        raise (CloudCrash if name in CLOUD_POINTS else BedCrash)(name)


_original_hit = failpoints.hit
_current: Crashes | None = None


def _hit(name: str) -> None:
    if _current is not None:
        _current.hit(name)


def install(crashes: Crashes) -> None:
    """From now on every failpoint of this process asks these. The shipped modules keep their own names for `hit`."""
    global _current  # noqa: PLW0603  one simulated world at a time
    _current = crashes
    for name, module in list(sys.modules.items()):
        if name.startswith(("edge_agent", "cloud")) and getattr(module, "hit", None) is _original_hit:
            module.hit = _hit  # type: ignore[attr-defined]


def uninstall() -> None:
    """Failpoints do nothing again."""
    global _current  # noqa: PLW0603
    _current = None
