"""What the checks share: how they look, and rows in pages, so that no table is held in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

from tortoise import Tortoise

from cloud.objects import Objects

PAGE_ROWS = 1_000
Row = dict[str, object]


def _silent(_sentence: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Look:
    """What is looked at: the store, whether every byte is read, the bounds, and histories that beds wrote."""

    objects: Objects
    read_data: bool = False
    open_clips: int = 5_000
    histories: list[Path] = field(default_factory=list)
    progress: Callable[[str], None] = _silent
    """Hears how far a long check is; called often."""


async def rows(query: str, *values: object) -> list[Row]:
    """All rows of a query that is bounded by itself."""
    found: list[Row] = await Tortoise.get_connection("default").execute_query_dict(query, list(values))
    return found


async def pages(query: str, start: object) -> AsyncIterator[Row]:
    """Rows of a query that takes the last `id` as $1 and a limit as $2, a page at a time."""
    last = start
    while True:
        page = await rows(query, last, PAGE_ROWS)
        for row in page:
            yield row
        if len(page) < PAGE_ROWS:
            return
        last = page[-1]["id"]
