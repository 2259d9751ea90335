"""Looks through a free comment for what may identify a patient: names, dates, numbers. It warns; a person decides."""

from __future__ import annotations

import re
from dataclasses import dataclass

_MONTHS = (
    "jan(?:uary|uar|eiro)?|feb(?:ruary|ruar)?|fev(?:ereiro)?|mar(?:ch|ço)?|märz|apr(?:il)?|abr(?:il)?|ma[iy]o?|jun[eihoi]*|jul[yiho]*|"
    "aug(?:ust)?|ago(?:sto)?|sep(?:t|tember)?|set(?:embro)?|o[ck]t(?:ober)?|out(?:ubro)?|nov(?:ember|embro)?|de[cz](?:ember|embro)?"
)
_RULES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("contact", re.compile(r"\S+@\S+\.\w+|https?://\S+", re.IGNORECASE)),
    ("date", re.compile(r"\b\d{1,4}([./-])\d{1,2}\1\d{1,4}\b\.?|\b\d{1,2}\.\d{1,2}\.(?!\d)|\b\d{1,2}/\d{1,2}\b")),
    ("date", re.compile(rf"\b(?:\d{{1,2}}\.?\s+(?:de\s+)?(?:{_MONTHS})\b|(?:{_MONTHS})\s+\d{{1,4}}\b)", re.IGNORECASE)),
    ("number", re.compile(r"\d(?:[\s/-]?\d){3,}")),
    ("name", re.compile(r"\b(?:mr|mrs|ms|dr|prof|herr|frau|sr|sra|dona|dom|senhora?)\b\.?\s+\w+", re.IGNORECASE)),
    ("name", re.compile(r"\b(?:name|called|named|heißt|chama-se)\b:?\s+[^\W\d_]+", re.IGNORECASE)),
    ("name", re.compile(r"\b[A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ]+(?:[\s-][A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ]+)+\b")),
    ("name", re.compile(r"(?<![.!?:;]\s)(?<=\s)[A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ]{2,}\b")),
)
_NO_NAMES = frozenset({"todd", "todds", "jackson", "jacksonian", "lüders", "kinect", "babinski", "rolandic", "english"})
"""Capitalised words of the trade that are no patient's name."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One doubtful place: what it may be, the text, and where it stands (characters, half-open)."""

    kind: str
    text: str
    start: int
    end: int


def doubtful(comment: str) -> list[Finding]:
    """The doubtful places of a comment in their order, none twice. An empty list does not prove that nobody is named."""
    found: list[Finding] = []
    for kind, rule in _RULES:
        for match in rule.finditer(comment):
            text, (start, end) = match.group(), match.span()
            known = kind == "name" and text.lower().strip(".") in _NO_NAMES
            start_of_text = kind == "name" and not comment[:start].strip() and " " not in text and "-" not in text
            overlaps = any(start < other.end and other.start < end for other in found)
            if not (known or start_of_text or overlaps):
                found.append(Finding(kind, text, start, end))
    return sorted(found, key=lambda one: one.start)
