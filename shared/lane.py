"""Which streams one segment file is for: all of them, or colour in a file of its own beside one with the rest."""

from __future__ import annotations

from enum import StrEnum

from shared.frame import RECORDED_STREAMS, Stream


class Lane(StrEnum):
    """A file of the lane `colour` and one of `without_colour` make up what one `whole` file holds."""

    whole = "whole"
    colour = "colour"
    without_colour = "without_colour"

    def holds(self, stream: Stream) -> bool:
        """Whether records of the stream belong into files of this lane."""
        return self is Lane.whole or (stream is Stream.colour) is (self is Lane.colour)

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The camera's streams of this lane."""
        return tuple(stream for stream in RECORDED_STREAMS if self.holds(stream))


TOGETHER = (Lane.whole,)
COLOUR_APART = (Lane.colour, Lane.without_colour)
"""In the order in which they are numbered, sealed and catalogued: whoever finds the second finds the first."""
