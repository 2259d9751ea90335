"""Small plots as SVG text, for a page that needs nothing from elsewhere: shares with intervals, a curve, a histogram, a timeline.

In: numbers and words. Out: one `<svg>` element as text; words are escaped here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 640
LEFT = 150
INK, SOFT, BLUE, RED, GREY = "#1c2733", "#8a97a3", "#1f6fb2", "#b8402a", "#d5dbe1"


@dataclass(frozen=True, slots=True)
class Bar:
    """A share with its interval, all 0 to 1; `note` stands at the right."""

    label: str
    value: float
    low: float
    high: float
    note: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A span on a timeline, as shares of its length; `tone` is a colour."""

    start: float
    end: float
    tone: str
    title: str


def bars(rows: Sequence[Bar]) -> str:
    """One line a row: a dot at the value, a line over the interval."""
    wide, parts = WIDTH - LEFT - 110, []
    for index, row in enumerate(rows):
        y = 18 + 24 * index
        low, high, value = (LEFT + wide * share for share in (row.low, row.high, row.value))
        parts += [
            _text(LEFT - 10, y + 4, row.label, "end"),
            f'<line x1="{LEFT}" y1="{y}" x2="{LEFT + wide}" y2="{y}" stroke="{GREY}"/>',
            f'<line x1="{low:.1f}" y1="{y}" x2="{high:.1f}" y2="{y}" stroke="{BLUE}" stroke-width="5"/>',
            f'<circle cx="{value:.1f}" cy="{y}" r="5" fill="{INK}"/>',
            _text(LEFT + wide + 12, y + 4, row.note, "start"),
        ]
    height = 24 * len(rows) + 34
    parts += [_text(LEFT + wide * tick / 4, height - 6, f"{25 * tick} %", "middle") for tick in range(5)]
    return _svg(height, parts, "Shares with their intervals")


def curve(points: Sequence[tuple[float, float]], own: tuple[float, float] | None, x_word: str, y_word: str) -> str:
    """Points (x at least 0, y 0 to 1) joined by a line; `own` is drawn apart."""
    height, right, bottom = 300, WIDTH - 20, 250
    most = max([x for x, _ in points] + ([own[0]] if own else []) + [1e-9])

    def place(x: float, y: float) -> tuple[float, float]:
        return 60 + (right - 60) * x / most, bottom - (bottom - 20) * y

    parts = [
        f'<rect x="60" y="20" width="{right - 60}" height="{bottom - 20}" fill="none" stroke="{GREY}"/>',
        _text((60 + right) / 2, height - 8, x_word, "middle"), _text(60, 14, y_word, "start"),
    ]  # fmt: skip
    parts += [_text(54, place(0, tick / 4)[1] + 4, f"{25 * tick} %", "end") for tick in range(5)]
    parts += [_text(place(most * tick / 4, 0)[0], bottom + 18, f"{most * tick / 4:.3g}", "middle") for tick in range(5)]
    line = " ".join("{:.1f},{:.1f}".format(*place(x, y)) for x, y in sorted(points))
    parts.append(f'<polyline points="{line}" fill="none" stroke="{BLUE}" stroke-width="2"/>')
    parts += [_dot(place(x, y), 3, BLUE) for x, y in points]
    if own:
        parts.append(_dot(place(*own), 6, RED))
    return _svg(height, parts, f"{y_word} against {x_word}")


def histogram(values: Sequence[float], edges: Sequence[float], word: str) -> str:
    """How many values lie from each edge to the next; those past the last edge stand in the last column."""
    counts = [0] * len(edges)
    for value in values:
        counts[max((k for k, edge in enumerate(edges) if value >= edge), default=0)] += 1
    height, bottom, wide, most = 200, 160, (WIDTH - 80) / len(edges), max([*counts, 1])
    parts = [_text(WIDTH / 2, height - 6, word, "middle")]
    for index, (edge, count) in enumerate(zip(edges, counts, strict=True)):
        x, tall = 50 + wide * index, (bottom - 24) * count / most
        last = index == len(edges) - 1
        label = f"{edge:g} +" if last else f"{edge:g} to {edges[index + 1]:g}"
        parts += [
            f'<rect x="{x:.1f}" y="{bottom - tall:.1f}" width="{wide - 6:.1f}" height="{tall:.1f}" fill="{BLUE}"/>',
            _text(x + wide / 2 - 3, bottom - tall - 4, str(count), "middle"),
            _text(x + wide / 2 - 3, bottom + 16, label, "middle"),
        ]
    return _svg(height, parts, word)


def timeline(marks: Sequence[Mark]) -> str:
    """One recording as a bar with coloured spans; each tells its words when it is pointed at."""
    parts = [f'<rect x="0" y="2" width="{WIDTH}" height="16" fill="#eef2f5"/>']
    for mark in marks:
        x, wide = WIDTH * mark.start, max(1.5, WIDTH * (mark.end - mark.start))
        title = f"<title>{escape(mark.title)}</title>"
        parts.append(f'<rect x="{x:.1f}" y="2" width="{wide:.1f}" height="16" fill="{mark.tone}">{title}</rect>')
    return _svg(20, parts, "Seizures, false events and deficient time")


def _dot(at: tuple[float, float], radius: int, tone: str) -> str:
    return f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="{radius}" fill="{tone}"/>'


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _svg(height: float, parts: Sequence[str], title: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" role="img" aria-label="{escape(title)}" '
        f'font-size="12" fill="{INK}">{"".join(parts)}</svg>'
    )
