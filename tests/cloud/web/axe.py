"""axe-core on the page as it stands: what breaks a rule of WCAG 2.0 to 2.2, level A or AA, one line each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.async_api import Page

SCRIPT = Path(__file__).parents[3] / "cloud" / "web" / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"]
_RUN = """async only => {
  const options = { runOnly: only, resultTypes: ['violations'] };
  if (only.type === 'tag') options.rules = { 'target-size': { enabled: true } };
  const found = await axe.run(document, options);
  return found.violations.flatMap(rule => rule.nodes.map(node => ({
    rule: rule.id, place: node.target.flat().join(' '), why: node.failureSummary })));
}"""


async def violations(page: Page, *, contrast_only: bool = False) -> list[str]:
    """`rule at place: why` of each element that breaks a rule; empty when the page is clean.

    `contrast_only` for the other theme of a page that was looked at whole.
    """
    if not await page.evaluate("() => 'axe' in window"):
        await page.evaluate(SCRIPT.read_text())
    found: list[dict[str, Any]] = await page.evaluate(
        _RUN, {"type": "rule", "values": ["color-contrast"]} if contrast_only else {"type": "tag", "values": TAGS}
    )
    return [f"{one['rule']} at {one['place']}: {' '.join(str(one['why']).split())}" for one in found]
