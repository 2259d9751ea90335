"""Azure Kinect recordings (MKV) as footage: the bed's own reader and preview, as fast as the file is read.

The one place where the evaluation uses code of the bed that is not in `shared/` (decision 0016): a detector that is tried on another
reader than the one it will stand behind is not the detector that was tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edge_agent.sources.mkv_playback import MkvPlayback
from models.evaluation.footage import BadFile, Lack, Trouble
from shared.errors import Refused
from shared.preview import Preview, PreviewMaker

SUFFIXES = (".mkv",)
PIECE_NS = 10_000_000_000


class FileClock:
    """A clock that stands still: the file's own times are what counts."""

    boot_id = "00000000-0000-0000-0000-000000000000"

    def monotonic_ns(self) -> int:
        """Always 0."""
        return 0

    def utc_ns(self) -> int:
        """Always 0: the file does not tell the time of day."""
        return 0


class MkvFootage:
    """One file as one recording that begins at 0. How long it is is known once it was read."""

    start_utc_ns: int | None = None
    start_ns = 0

    def __init__(self, path: Path) -> None:
        self._path = path
        self.length_ns = 0

    @property
    def name(self) -> str:
        return self._path.stem

    @property
    def names(self) -> frozenset[str]:
        return frozenset({self._path.name, self._path.stem})

    @property
    def patient(self) -> str:
        return self._path.stem

    def previews(self, trouble: Trouble) -> Iterator[Preview]:
        """What comes before any damage; the damage itself is told."""
        source, maker = MkvPlayback(self._path, FileClock(), lambda _: False, paced=False), PreviewMaker()
        try:
            source.open()
            while (frame := source.read()) is not None:
                self.length_ns = max(self.length_ns, frame.mono_ns)
                preview = maker.add(frame)
                if preview is not None:
                    yield preview
        except Refused as error:
            trouble(BadFile(self._path.name, error.sentence))
        finally:
            source.close()

    def lacks(self) -> list[Lack]:
        """A recording tells of no causes; holes in it are found by their times."""
        return []

    def pieces(self) -> list[tuple[int, int, int]]:
        """Ten seconds each, with their share of the file's bytes."""
        edges = list(range(0, self.length_ns, PIECE_NS)) or [0]
        each = self._path.stat().st_size // len(edges)
        return [(at, min(at + PIECE_NS, self.length_ns), each) for at in edges]


def find_camera_files(folder: Path) -> list[MkvFootage]:
    """Every MKV under `folder`, in order of name."""
    return [
        MkvFootage(path) for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES and path.is_file()
    ]
