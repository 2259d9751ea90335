"""A tour of every page and state of a filled house: each stop is a page as a person meets it, ready to be looked at."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, Page, Route, expect

from cloud.accounts.routes import COOKIE
from cloud.database import DatabaseAddress, open_tables
from tests.cloud.people_house import House, open_house
from tests.cloud.web.night import NOW_NS, ZONE, Night, fill_night
from tests.cloud.web.served_house import served
from tests.cloud.web.ward_clip import WardClip

LAPTOP = {"width": 1366, "height": 768}
TABLET = {"width": 820, "height": 1180}
WAIT_MS = 20_000
PEOPLE = ("ana", "olga", "dora", "new")
Act = Callable[[Page], Awaitable[None]]
Look = Callable[[Page, str], Awaitable[None]]
_DATA = ("worklist", "events", "beds", "pulls", "stays", "patients", "views", "dead-letters", "differences", "audit")
_FAULT = '{"type":"about:blank","title":"Broken","status":500,"detail":"The database does not answer."}'


@dataclass(frozen=True)
class Stop:
    """A page in a state. `{seizure}`, `{awaited}` and `{stay_id}` in the path are those of the night."""

    name: str
    path: str
    ready: str
    who: str = "ana"
    act: Act | None = None
    server: str = "well"
    """`well`, `silent` (no answer comes), `broken` (each answer is a fault) or `lost` (gone after the page came)."""


async def _wrong_password(page: Page) -> None:
    await page.get_by_label("Account").fill("anna")
    await page.get_by_label("Password").fill("not this one")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("do not match")).to_be_visible(timeout=WAIT_MS)


def _keys(*keys: str, then: str = "") -> Act:
    async def act(page: Page) -> None:
        for key in keys:
            await page.keyboard.press(key)
        if then:
            await page.wait_for_selector(then, timeout=WAIT_MS)

    return act


def _at_20_s(*keys: str, then: str = "") -> Act:
    """Twenty seconds after the onset, then more keys."""

    async def act(page: Page) -> None:
        await page.wait_for_function(_SETTLED, timeout=WAIT_MS)
        await _keys("o", "Shift+ArrowRight", "Shift+ArrowRight", *keys, then=then)(page)
        await page.wait_for_function(_SETTLED, timeout=WAIT_MS)

    return act


def _press(button: str, then: str) -> Act:
    async def act(page: Page) -> None:
        await page.locator(button).first.click()
        await page.wait_for_selector(then, timeout=WAIT_MS)

    return act


_SETTLED = """() => {
  const { frame, wanted, still } = document.querySelector('[data-testid=frame]')?.dataset ?? {};
  return +frame >= 0 && frame === wanted && (still === 'true' || document.querySelector('[data-testid=space]'));
}"""
_FULL = "() => /[0-9] points/.test(document.querySelector('.space-facts')?.textContent ?? '')"


async def _in_space(page: Page) -> None:
    await _at_20_s("4", then="[data-testid=space]")(page)
    await page.wait_for_function(_FULL, timeout=3 * WAIT_MS)


REVIEW = "/events/{seizure}"
STOPS: tuple[Stop, ...] = (
    Stop("login", "/", "#login-title", who=""),
    Stop("login-wrong", "/", "#login-title", who="", act=_wrong_password),
    Stop("worklist", "/", "[data-testid=event-row]"),
    Stop("worklist-chosen", "/", "[data-testid=event-row]", act=_keys("x", "j", "x", then="[data-testid=bulk]")),
    Stop("worklist-empty", "/", ".notice", who="new"),
    Stop("worklist-loading", "/", ".loading", server="silent"),
    Stop("worklist-error", "/", ".notice-bad", server="broken"),
    Stop("worklist-offline", "/", "[data-testid=event-row]", server="lost"),
    Stop("keys", "/", "[data-testid=event-row]", act=_keys("?", then="dialog")),
    Stop("review", REVIEW, "[data-testid=timeline]", act=_at_20_s()),
    Stop("review-depth", REVIEW, "[data-testid=timeline]", act=_at_20_s("2")),
    Stop("review-colour", REVIEW, "[data-testid=timeline]", act=_at_20_s("3")),
    Stop("review-space", REVIEW, "[data-testid=timeline]", act=_in_space),
    Stop("review-annotation", REVIEW, "[data-testid=timeline]", act=_at_20_s("a", then="[data-testid=moi-table]")),
    Stop("review-export", REVIEW, "[data-testid=timeline]", act=_press(".export summary", ".export[open]")),
    Stop("review-awaited", "/events/{awaited}", ".stage .notice"),
    Stop("review-loading", REVIEW, ".loading", server="silent"),
    Stop("review-error", REVIEW, ".notice-bad", server="broken"),
    Stop("review-missing", "/events/01900000-0000-7000-8000-000000000000", ".notice"),
    Stop("review-offline", REVIEW, "[data-testid=timeline]", server="lost"),
    Stop("patient", "/patients/north/PT-7KQ2M", "[data-testid=patient-events]"),
    Stop("patient-missing", "/patients/north/PT-NOBODY", ".notice"),
    Stop("patient-error", "/patients/north/PT-7KQ2M", ".notice-bad", server="broken"),
    Stop("beds", "/beds", ".card"),
    Stop("beds-ops", "/beds", "[data-testid=differences]", who="olga"),
    Stop("beds-dialog", "/beds", ".card", act=_press("text=Discharge", "dialog")),
    Stop("beds-empty", "/beds", ".notice", who="new"),
    Stop("beds-loading", "/beds", ".loading", server="silent"),
    Stop("beds-error", "/beds", ".notice-bad", server="broken"),
    Stop("beds-offline", "/beds", ".card", server="lost"),
    Stop("pull", "/pull", "[data-testid=pull-form]"),
    Stop("pull-empty", "/pull", ".notice", who="new"),
    Stop("pull-loading", "/pull", ".loading", server="silent"),
    Stop("pull-error", "/pull", ".notice-bad", server="broken"),
    Stop("references", "/references/{stay_id}", "table"),
    Stop("references-choose", "/references", "[data-testid=references-page] select"),
    Stop("references-empty", "/references", ".notice", who="new"),
    Stop("references-error", "/references/{stay_id}", ".notice-bad", server="broken"),
    Stop("beds-live", "/beds", ".card", act=_press("[data-testid=watch-bed-1]:enabled", "[data-testid=live-word]")),
    Stop("account", "/account", "[data-testid=second-factor]"),
    Stop("audit", "/audit", "[data-testid=audit-page]", who="dora"),
    Stop("not-found", "/nowhere", ".notice"),
)


@dataclass(frozen=True)
class Exhibition:
    """A filled house behind an address."""

    address: str
    night: Night
    tokens: dict[str, str]


@asynccontextmanager
async def exhibition(database: DatabaseAddress, folder: Path, clip: WardClip) -> AsyncIterator[Exhibition]:
    """The house of `night` on a port; its database must be empty."""
    async with open_tables(database, connections=6), open_house(folder) as house:
        night = await fill_night(house, clip)
        tokens = {name: await house.session(name) for name in PEOPLE}
        async with served(house) as address:
            yield Exhibition(address, night, tokens)


async def tour(
    opened: Browser, house: Exhibition, stops: tuple[Stop, ...], theme: str, size: dict[str, int], look: Look
) -> None:
    """Brings each stop on the screen, in its state, and calls `look` with the page and the stop's name."""
    for who in dict.fromkeys(stop.who for stop in stops):
        context = await opened.new_context(
            viewport={"width": size["width"], "height": size["height"]},
            reduced_motion="reduce",
            timezone_id=ZONE,
            locale="en-GB",
        )
        await context.clock.set_fixed_time(NOW_NS / 1e9)
        await context.add_init_script(f"localStorage.setItem('deepepil-theme', '{theme}')")
        if who:
            await context.add_cookies([{"name": COOKIE, "value": house.tokens[who], "url": house.address}])
        page = await context.new_page()
        page.set_default_timeout(WAIT_MS)
        for stop in stops:
            if stop.who == who:
                await _visit(page, house, stop, look)
        await context.close()


async def _visit(page: Page, house: Exhibition, stop: Stop, look: Look) -> None:
    path = stop.path.format(seizure=house.night.seizure, awaited=house.night.awaited, stay_id=house.night.stay_id)
    answer = {"silent": _never, "broken": _fault}.get(stop.server)
    if answer:
        for part in _DATA:
            await page.route(f"**/api/v1/{part}**", answer)
            await page.route(f"**/api/v1/{part}/**", answer)
    await page.goto(house.address + path, wait_until="domcontentloaded")
    await page.wait_for_selector(stop.ready, timeout=WAIT_MS)
    if stop.act:
        await stop.act(page)
    if stop.server == "lost":
        await page.context.set_offline(True)
        await page.wait_for_selector("[data-testid=connection-banner]", timeout=WAIT_MS)
    await look(page, stop.name)
    await page.context.set_offline(False)
    await page.unroute_all(behavior="ignoreErrors")


async def _never(_: Route) -> None:
    return None


async def _fault(route: Route) -> None:
    await route.fulfill(status=500, content_type="application/problem+json", body=_FAULT)


__all__ = ["LAPTOP", "STOPS", "TABLET", "Exhibition", "House", "Stop", "exhibition", "tour"]
