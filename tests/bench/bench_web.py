"""What the pages cost a clinician: `make bench-web`. Chromium on this machine, a clip of the simulated ward, WebGL in software.

Each `figures_of_…` measures one page in an open house and returns its figures; a new page adds one to `MEASURED`.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import re
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from playwright.async_api import Browser

from cloud.database import ensure_database, open_tables
from cloud.schema import migrate_database
from shared.clock import NS_PER_S
from shared.results import Figure, print_results, write_results
from tests.bench.bench_live import figures_of_joining, figures_of_recorder
from tests.bench.worklist_million import figures_of_million
from tests.cloud.people_house import FIRST_UTC_NS, House, open_house
from tests.cloud.web.browser import ReviewPage, browser, review_page
from tests.cloud.web.burnt_clip import make_clip
from tests.cloud.web.served_house import PAGES, keep_clip, served
from tests.databases import debian_postgres, debian_programs

COUNT = 600
ROUNDS = 5
STEPS = 60
ORBIT_S = 5.0
SHOWN = "() => +(document.querySelector('[data-testid=frame]')?.dataset.frame ?? -1) >= 0"
FULL_PICTURE = "() => /217,088/.test(document.querySelector('.space-facts')?.textContent ?? '')"
STEP = """async () => {
  const seen = () => +document.querySelector('[data-testid=frame]').dataset.frame;
  const took = [];
  for (let k = 0; k < %d; k++) {
    const before = seen();
    const began = performance.now();
    dispatchEvent(new KeyboardEvent('keydown', { key: '.', bubbles: true }));
    while (seen() === before) await new Promise(done => { const c = new MessageChannel(); c.port1.onmessage = done; c.port2.postMessage(0) });
    took.push(performance.now() - began);
  }
  return took;
}"""
ORBIT = """async seconds => {
  const canvas = document.querySelector('[data-testid=space]');
  const count = () => +(canvas.dataset.drawn ?? 0);
  const box = canvas.getBoundingClientRect();
  const move = (type, x) => canvas.dispatchEvent(new PointerEvent(type, {
    bubbles: true, pointerId: 1, isPrimary: true, button: 0, buttons: 1, pointerType: 'mouse',
    clientX: box.x + x, clientY: box.y + 200 }));
  canvas.setPointerCapture = () => {};
  canvas.releasePointerCapture = () => {};
  move('pointerdown', 300);
  const [began, first] = [performance.now(), count()];
  let x = 300;
  while (performance.now() - began < seconds * 1000) {
    move('pointermove', x = 300 + (x - 297) %% 300);
    await new Promise(requestAnimationFrame);
  }
  const drawn = (count() - first) / ((performance.now() - began) / 1000);
  move('pointerup', x);
  return drawn;
}""".replace("%%", "%")
PLAYED = """async seconds => {
  const canvas = document.querySelector('[data-testid=space]');
  const seen = new Set();
  const began = performance.now();
  while (performance.now() - began < seconds * 1000) {
    seen.add(canvas.dataset.frame);
    await new Promise(requestAnimationFrame);
  }
  return (seen.size - 1) / ((performance.now() - began) / 1000);
}"""


class Bench:
    """An application with two clips, and a browser."""

    def __init__(self, house: House, opened: Browser, address: str, token: str) -> None:
        self.house, self.browser, self.address, self.token = house, opened, address, token

    async def clips(self, folder: Path) -> None:
        """Two events of the same clip; the second is what comes next."""
        clip = make_clip(folder, COUNT)
        self.event, self.next_event = await keep_clip(self.house, clip), await keep_clip(self.house, clip)


async def figures_of_first_frame(bench: Bench) -> dict[str, Figure]:
    """From the address to the first frame, and from the key for the next event to its first frame, its videos held."""
    cold, cached = [], []
    for _ in range(ROUNDS):
        async with review_page(bench.browser, bench.address, bench.token, motion=True) as review:
            began = time.perf_counter()
            await review.open(bench.event)
            cold.append(1000 * (time.perf_counter() - began))
            await _next_is_held(review)
            shown = review.page.get_by_test_id("review-page")
            before = await shown.get_attribute("data-event")
            began = time.perf_counter()
            await review.page.keyboard.press("n")
            other = "before => document.querySelector('[data-testid=review-page]')?.dataset.event !== before"
            await review.page.wait_for_function(other, arg=before)
            await review.page.wait_for_function(SHOWN)
            cached.append(1000 * (time.perf_counter() - began))
    return {
        "review_first_frame_cold_ms": _below(cold, 2000, "ms"),
        "review_first_frame_cached_ms": _below(cached, 1000, "ms"),
    }


async def _next_is_held(review: ReviewPage) -> None:
    """Waits until the last video of the next event was fetched ahead."""
    await review.page.wait_for_function(
        "() => performance.getEntriesByType('resource').filter(one => one.initiatorType === 'fetch'"
        " && one.name.includes('/proxies/') && !one.name.includes(location.pathname.split('/').pop())"
        " && one.responseEnd).length >= 3",
        timeout=60_000,
    )


async def figures_of_steps(bench: Bench) -> dict[str, Figure]:
    """One frame on, sixty times: over two key frames; the slowest of twenty counts."""
    async with review_page(bench.browser, bench.address, bench.token) as review:
        await review.open(bench.event)
        await review.seek(0.4)
        await review.settled()
        took: list[float] = await review.page.evaluate(STEP % STEPS)
    p95 = statistics.quantiles(took, n=20)[-1]
    return {
        "frame_step_ms": Figure(round(p95, 1), "ms, p95", "<= 50", p95 <= 50),
        "frame_step_median_ms": Figure(round(statistics.median(took), 1), "ms"),
    }


async def figures_of_space(bench: Bench) -> dict[str, Figure]:
    """All 217,088 points of a Kinect v2 while the view is turned, and new pictures a second while the clip plays."""
    async with review_page(bench.browser, bench.address, bench.token) as review:
        await review.open(bench.event)
        await review.page.keyboard.press("4")
        await review.page.wait_for_function(FULL_PICTURE, timeout=60_000)
        turned: float = await review.page.evaluate(ORBIT, ORBIT_S)
        await review.page.keyboard.press("Home")
        await review.page.keyboard.press(" ")
        played: float = await review.page.evaluate(PLAYED, ORBIT_S)
    least = min(turned, played)
    return {
        "point_cloud_fps": Figure(round(least, 1), "a second", ">= 10", least >= 10),
        "point_cloud_turned_fps": Figure(round(turned, 1), "a second"),
        "point_cloud_played_fps": Figure(round(played, 1), "a second"),
    }


async def figures_of_size(_bench: Bench) -> dict[str, Figure]:
    """The JavaScript that the first page loads, as gzip packs it."""
    index = (PAGES / "index.html").read_text()
    names = re.findall(r"(?:src|href)=\"/?(assets/[^\"]+\.js)\"", index)
    size = sum(len(gzip.compress((PAGES / name).read_bytes())) for name in names) / 1000
    return {"first_load_js_kb": Figure(round(size, 1), "kB, gzip", "<= 300", 0 < size <= 300)}


async def figures_of_worklist(bench: Bench) -> dict[str, Figure]:
    """The list of a million events; comes last, because all that follows would work among them."""
    return await figures_of_million(bench.browser, bench.address, bench.token)


MEASURED: tuple[Callable[[Bench], Awaitable[dict[str, Figure]]], ...] = (
    figures_of_size,
    figures_of_first_frame,
    figures_of_steps,
    figures_of_space,
    figures_of_worklist,
)


def _below(values: list[float], limit: float, unit: str) -> Figure:
    worst = max(values)
    return Figure(round(worst), f"{unit}, slowest of {len(values)}", f"<= {limit:.0f}", worst <= limit)


def _load() -> Figure:
    """What else the machine has to do: the figures of a busy one say little of the pages."""
    return Figure(round(os.getloadavg()[0], 1), f"runnable on {os.cpu_count()} cores, mean of a minute")


def _keep(figures: dict[str, Figure]) -> None:
    """What was measured stays measured when a later part fails."""
    write_results("bench-web", "make bench-web", figures)


async def measure() -> dict[str, Figure]:
    """Opens a house of its own and measures everything in it."""
    programs = debian_programs()
    if programs is None:
        raise SystemExit("bench-web needs Debian's PostgreSQL: make setup")
    figures = {"machine_load_before": _load()}
    with debian_postgres(programs) as server, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "clip").mkdir()
        database = await ensure_database(server, "bench")
        await migrate_database(database)
        async with open_tables(database, connections=6), open_house(folder) as house:
            house.clock.now_ns = FIRST_UTC_NS + 3600 * NS_PER_S
            await house.account("ana", "clinician", "north")
            token = await house.session("ana")
            async with served(house) as address, browser() as opened:
                bench = Bench(house, opened, address, token)
                await bench.clips(folder / "clip")
                for each in MEASURED:
                    figures |= await each(bench)
            figures["machine_load_after"] = _load()
            _keep(figures)
            figures |= await figures_of_joining(folder, database)
    return figures


def main() -> None:
    figures = asyncio.run(measure())
    _keep(figures)
    figures |= figures_of_recorder()
    _keep(figures)
    print_results(figures)


if __name__ == "__main__":
    main()
