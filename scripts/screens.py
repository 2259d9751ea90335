"""Takes the pictures of docs/screens: every page and state of a filled house, dark and light, and runs axe on each.

    python -m scripts.screens [NAME ...]

The house is that of `tests/cloud/web/night.py`, its clip the first seizure of the demonstration's ward with what the two
networks of this repository say of it; making it takes two minutes, then it is kept in build/screens.
"""

from __future__ import annotations

import asyncio
import io
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page
from pydantic import TypeAdapter

from cloud.database import ensure_database
from cloud.schema import migrate_database
from shared.clock import NS_PER_S
from tests.cloud.web.axe import violations
from tests.cloud.web.browser import browser
from tests.cloud.web.night import NOW_NS
from tests.cloud.web.tour import LAPTOP, STOPS, TABLET, Stop, exhibition, tour
from tests.cloud.web.ward_clip import WardClip, ward_clip
from tests.databases import debian_postgres, debian_programs

FOLDER = Path("docs/screens")
KEPT = Path("build/screens")
ON_TABLET = {"worklist", "review", "review-annotation", "beds", "pull", "patient"}
COLOURS = 256
LIMIT_BYTES = 150_000
REST_MS = 700
_THEME = """theme => {
  if (document.documentElement.dataset.theme === theme) return;
  const button = [...document.querySelectorAll('.header button')].find(one => /colours/.test(one.ariaLabel ?? ''));
  if (button) button.click();
  else document.documentElement.dataset.theme = theme;
}"""


def kept_clip() -> WardClip:
    """The seizure's clip, made at the first call."""
    path, kind = KEPT / "clip.json", TypeAdapter(WardClip)
    if not path.exists():
        clip = ward_clip((KEPT / "clip").resolve(), NOW_NS - 500 * NS_PER_S, 5.0, 105.0, networks=True)
        path.write_bytes(kind.dump_json(clip))
    return kind.validate_json(path.read_bytes())


async def keep(page: Page, name: str) -> None:
    """A picture of at most 150 kB: 256 colours, fewer where it must be."""
    await page.wait_for_timeout(REST_MS)
    picture = Image.open(io.BytesIO(await page.screenshot())).convert("RGB")
    for colours in (COLOURS, COLOURS // 2, COLOURS // 4):
        picture.quantize(colours, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
            FOLDER / f"{name}.png", optimize=True
        )
        if (FOLDER / f"{name}.png").stat().st_size <= LIMIT_BYTES:
            return


async def take(stops: tuple[Stop, ...]) -> list[str]:
    """All pictures of these stops. Returns what axe found."""
    found: list[str] = []

    async def look(page: Page, name: str) -> None:
        print(name, len(found), flush=True)
        await keep(page, f"{name}-dark")
        found.extend(f"{name}, dark: {line}" for line in await violations(page))
        await page.evaluate(_THEME, "light")
        await keep(page, f"{name}-light")
        found.extend(f"{name}, light: {line}" for line in await violations(page, contrast_only=True))
        if name in ON_TABLET:
            await page.set_viewport_size({"width": TABLET["width"], "height": TABLET["height"]})
            await keep(page, f"{name}-light-tablet")
            found.extend(f"{name}, tablet: {line}" for line in await violations(page))
            await page.set_viewport_size({"width": LAPTOP["width"], "height": LAPTOP["height"]})

    folder = Path(tempfile.mkdtemp(prefix="deepepil-screens-"))
    programs = debian_programs()
    assert programs is not None, "needs Debian's PostgreSQL: make setup"
    try:
        with debian_postgres(programs) as server:
            database = await ensure_database(server, "screens")
            await migrate_database(database)
            async with exhibition(database, folder, kept_clip()) as house, browser() as opened:
                for stop in stops:
                    try:
                        await tour(opened, house, (stop,), "dark", LAPTOP, look)
                    except PlaywrightError as error:
                        found.append(f"{stop.name} cannot be shown: {error.message.splitlines()[0]}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return found


def main(names: list[str]) -> int:
    stops = tuple(stop for stop in STOPS if not names or stop.name in names)
    KEPT.mkdir(parents=True, exist_ok=True)
    found = asyncio.run(take(stops))
    print("\n".join(found) or f"axe finds nothing on {len(stops)} pages and states, dark and light.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
