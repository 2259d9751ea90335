"""The strictness that all messages share: frozen, unknown fields refused, NaN and infinity refused, text that a database can keep."""

from __future__ import annotations

import json
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from shared.errors import Refused

MAX_NS = 2**63 - 1
"""Largest time that a signed 64-bit nanosecond counter holds (year 2262)."""


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain NUL")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError("must not contain lone surrogates") from error
    return text


Text = Annotated[str, AfterValidator(_storable)]
Nanoseconds = Annotated[int, Field(ge=0, le=MAX_NS)]
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
Bytes = Annotated[int, Field(ge=0, le=2**53)]
Share = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]


class Contract(BaseModel):
    """Base of every message: strict types, no unknown fields, immutable, no NaN or infinity."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, str_max_length=65_536)


ContractType = TypeVar("ContractType", bound=Contract)


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object names one field twice")
    return found


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


def parse_json(body: bytes | str, limit_bytes: int) -> dict[str, Any]:
    """One JSON object of at most `limit_bytes`. Raises Refused for anything else: NaN, twins, deep nesting, wrong encoding."""
    if len(body) > limit_bytes:
        raise Refused(f"The message is {len(body)} bytes long; the limit is {limit_bytes}.", size_bytes=len(body))
    try:
        text = body.decode("utf-8") if isinstance(body, bytes) else body.encode("utf-8").decode("utf-8")
        found = json.loads(text, object_pairs_hook=_no_twins, parse_constant=_no_constant)
        if "\\ud" in text or "\\uD" in text:  # only an escape can still bring a surrogate
            json.dumps(found, ensure_ascii=False).encode("utf-8")
    except UnicodeError as error:
        raise Refused("The message holds text with lone surrogates or in another encoding than UTF-8.") from error
    except (ValueError, RecursionError) as error:
        raise Refused(f"The message is not a JSON object: {error}.") from error
    if not isinstance(found, dict):
        raise Refused(f"The message must be a JSON object, not {type(found).__name__}.")
    return found


def sentence_of(error: ValidationError) -> str:
    """The first fault of a pydantic error as one sentence that names the field."""
    fault = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in fault["loc"]) or "message"
    more = error.error_count() - 1
    return f"{field}: {fault['msg']}" + (f" (and {more} more)." if more else ".")


def read_contract(kind: type[ContractType], body: bytes | str, limit_bytes: int = 1 << 20) -> ContractType:
    """Parses and validates a message. Raises Refused with a sentence that names the first wrong field."""
    fields = parse_json(body, limit_bytes)
    try:
        return kind.model_validate_json(json.dumps(fields), strict=True)
    except (ValidationError, ValueError) as error:
        sentence = sentence_of(error) if isinstance(error, ValidationError) else f"{error}."
        raise Refused(f"{kind.__name__} refused: {sentence}", contract=kind.__name__) from error
