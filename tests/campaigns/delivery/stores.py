"""A real S3 (Debian's Swift) that answers late, wrongly or not at all: only what was read back may be called stored."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from shared.errors import Misconfigured
from tests.campaigns.delivery.faults import Fault, in_a_row
from tests.campaigns.delivery.house import House, Wishes
from tests.campaigns.delivery.house_files import HOUSES, PREFIX, swift_is_installed
from tests.campaigns.delivery.store_line import StoreLine
from tests.campaigns.delivery.tally import Tally
from tests.object_stores import ACCESS_KEY, SECRET_KEY, Swift

BUCKET = "campaign"
SPOILS: dict[str, tuple[str, int]] = {
    "S3 answers 500": ("500", 8),
    "S3 answers 503": ("503", 8),
    "S3 is slow": ("slow", 8),
    "S3 resets connections": ("reset", 8),
    "S3 answers 200 with an error to complete": ("error_in_200", 4),
    "S3 completes and its reply is lost": ("complete_lost", 4),
    "a part changes on its way to S3": ("part_corrupted", 3),
}


class BoundSwift(Swift):
    """Its programs die with the campaign, whatever ends it."""

    def _run(self, name: str, command: list[str]) -> None:
        with (self.folder / "log" / f"{name}.log").open("ab") as log:
            bound = ["setpriv", "--pdeathsig", "SIGKILL", *command]
            child = subprocess.Popen(
                bound, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder
            )
        self._children.append(child)


@contextmanager
def _swift() -> Iterator[Swift]:
    with TemporaryDirectory(prefix=f"{PREFIX}swift-", dir=HOUSES) as folder:
        (Path(folder) / "pid").write_text(str(os.getpid()))
        swift = BoundSwift(Path(folder))
        try:
            swift.start()
            yield swift
        finally:
            swift.kill()


def store_faults(tally: Tally, seed: int) -> None:
    """Each spoiling in turn, while clips go to the store by presigned places."""
    if not swift_is_installed():
        raise Misconfigured("The trials of S3 need Debian's Swift; make setup installs it.")
    with _swift() as swift:
        swift.section(BUCKET)
        line = StoreLine(swift.port)
        objects = (
            f'url = "s3://{BUCKET}/here"\nendpoint = "http://127.0.0.1:{line.port}"\n'
            f'access_key = "{ACCESS_KEY}"\nsecret_key = "{SECRET_KEY}"'
        )
        faults: dict[str, Fault] = {
            name: partial(spoilt, line=line, spoil=spoil, times=times) for name, (spoil, times) in SPOILS.items()
        }
        faults["S3 killed and started again"] = partial(away, swift=swift)
        try:
            in_a_row(tally, "store faults", faults, seed, Wishes(objects=objects))
        finally:
            line.close()
        for spoil, number in line.counts.items():
            tally.faults[f"S3: {spoil}"] += number


def spoilt(house: House, line: StoreLine, spoil: str, times: int) -> None:
    """So many answers are spoilt; if less came in time it is no use to wait, and then all passes again."""
    before = line.counts[spoil]
    line.will(spoil, times)
    house.feed(3)
    house.wait(lambda: line.times == 0 or all(bed.left()[1] == 0 for bed in house.beds.values()), "the faults", 60.0)
    line.will("", 0)
    assert line.counts[spoil] > before, f"nothing was spoilt ({spoil})"


def away(house: House, swift: Swift) -> None:
    """All of its processes die; what it had stored is there afterwards."""
    swift.kill()
    house.feed(2)
    house.rest(3.0)
    swift.start()
