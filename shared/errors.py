"""The three families of errors. Every error carries facts and one sentence that a person can act on.

Transient: back off and try again. Refused: the input is bad, put it aside and tell. Broken: an invariant does not hold.
"""

from __future__ import annotations


class DeepEpilError(Exception):
    """Root of all errors raised on purpose; `facts` go to the log beside the sentence."""

    exit_code = 1

    def __init__(self, sentence: str, **facts: object) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.facts = facts


class Transient(DeepEpilError):
    """The other side or the machine cannot do it now; the same call may succeed later."""

    exit_code = 75  # EX_TEMPFAIL


class Refused(DeepEpilError):
    """The input breaks a stated rule; trying again changes nothing."""

    exit_code = 65  # EX_DATAERR


class Misconfigured(Refused):
    """A setting, an extra or a file named in the configuration is missing or wrong."""

    exit_code = 78  # EX_CONFIG


class Broken(DeepEpilError):
    """An invariant does not hold; the process stops and the supervisor speaks."""

    exit_code = 70  # EX_SOFTWARE
