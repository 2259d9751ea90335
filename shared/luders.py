"""The Lüders chain of an event, from the order of its movements of interest (semiological classification, Lüders 1998)."""

from __future__ import annotations

from dataclasses import dataclass

from shared.annotation import Annotation, Moi
from shared.vocabulary import moi_terms, terms

LONGEST = 4
"""A chain has at most four components (Lüders 1998)."""
NOT_EPILEPTIC = "non-epileptic"
SOMATOTOPIC = frozenset({"myoclonic", "tonic", "clonic", "versive", "epileptic-spasm"})
"""Components that are named with a side and a body part; the others are named alone."""


@dataclass(frozen=True, slots=True)
class Component:
    """One component of the chain: keys of the vocabulary."""

    component: str
    laterality: str | None
    body_part: str | None

    @property
    def text(self) -> str:
        """In English, such as `left arm clonic`."""
        side = terms("lateralities")[self.laterality].word().lower() if self.laterality in ("left", "right") else ""
        part = terms("body_parts")[self.body_part].word().lower() if self.body_part else ""
        return " ".join(word for word in (side, part, terms("luders")[self.component].word()) if word)


def luders_chain(said: Annotation) -> list[Component]:
    """The components in order of onset, without repeats of the one before, at most four; none for a non-epileptic event."""
    if said.epilepsy_class == NOT_EPILEPTIC:
        return []
    chain: list[Component] = []
    for moi in sorted(said.mois, key=lambda one: (one.start_ns, one.end_ns, one.id)):
        found = _component(moi)
        if found is not None and (not chain or chain[-1] != found):
            chain.append(found)
    return chain[:LONGEST]


def _component(moi: Moi) -> Component | None:
    component = moi_terms()[moi.term].luders
    if component is None:
        return None
    if component not in SOMATOTOPIC:
        return Component(component, None, None)
    # a version is of the head or the eyes by its own name
    part = None if component == "versive" else moi.body_part
    return Component(component, moi.laterality if moi.laterality in ("left", "right") else None, part)
