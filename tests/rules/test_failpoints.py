"""Each named failpoint is one line of the code, and no code names one that does not exist."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from shared.failpoints import POINTS

ROOT = Path(__file__).parents[2]


def test_each_point_is_hit_by_exactly_one_line_and_none_is_unknown() -> None:
    hits: Counter[str] = Counter()
    for folder in ("shared", "edge_agent", "cloud", "models"):
        for path in (ROOT / folder).rglob("*.py"):
            hits.update(re.findall(r"\bhit\(\s*[\"']([a-z_]+)[\"']", path.read_text()))
    assert dict(hits) == dict.fromkeys(POINTS, 1)
