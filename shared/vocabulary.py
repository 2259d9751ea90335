"""The terms that annotations are made of, from one file; a term's key is the truth, its words and HED tag belong to the key."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

PATH = Path(__file__).parent / "vocabulary.json"


class Term(BaseModel):
    """One term. `hed`: its tag in HED-SCORE 2.1 or the HED standard, null where there is none; `words`: by language."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str = Field(pattern="^[A-Za-z0-9-]{1,40}$")
    hed: str | None
    hed_id: str | None
    words: dict[str, str]

    def word(self, language: str = "en") -> str:
        """The term in a language, in English where that is missing."""
        return self.words.get(language, self.words["en"])


class MoiTerm(Term):
    """A movement of interest. `luders`: the component of the Lüders chain that it makes, null for none."""

    luders: str | None
    sided: bool = Field(description="whether left and right can be told")
    favourite: int | None = Field(ge=0, le=9, description="the digit that marks it")


class Vocabulary(BaseModel):
    """All terms, by what they are asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    about: str
    version: int
    hed_version: str
    languages: list[str]
    onset_types: list[Term]
    offset_types: list[Term]
    ilae_2025: list[Term]
    ilae_2017: list[Term]
    epilepsy_classes: list[Term]
    consciousness: list[Term]
    sleep_states: list[Term]
    lateralities: list[Term]
    body_parts: list[Term]
    confidences: list[Term]
    luders: list[Term]
    mois: list[MoiTerm]


@cache
def vocabulary() -> Vocabulary:
    """The vocabulary of this version."""
    return Vocabulary.model_validate_json(PATH.read_bytes())


@cache
def terms(group: str) -> dict[str, Term]:
    """The terms of one group, by key."""
    found: list[Term] = getattr(vocabulary(), group)
    return {term.key: term for term in found}


@cache
def moi_terms() -> dict[str, MoiTerm]:
    """The movements of interest, by key."""
    return {term.key: term for term in vocabulary().mois}
