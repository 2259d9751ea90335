"""The detector's commands behind `deepepil-models train | evaluate | release detector`. Light: torch is imported inside."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import click

KEPT = Path("build/detector")
RELEASES = Path("models/releases")
RESULTS = RELEASES / "evaluations"
NAME = "detector-v0"
SET_HELP = "quick: 4 h, minutes; full: 100 h with 440 seizures, hours on two cores."


def _teller() -> Callable[[str], None]:
    start_s = time.monotonic()

    def tell(line: str) -> None:
        click.echo(f"{time.monotonic() - start_s:7.1f} s  {line}")

    return tell


@click.command()
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), default=KEPT, show_default=True)
@click.option("--epochs", type=click.IntRange(1, 1_000), default=None, help="Epochs over all lessons.")
@click.option("--threads", type=click.IntRange(1, 64), default=2, show_default=True, help="Threads of the training.")
def train(folder: Path, epochs: int | None, threads: int) -> None:
    """Train the detector on the simulated ward and tune its trigger; the candidate is written to FOLDER/candidate."""
    from models.detector.course import run
    from models.detector.train import Recipe

    recipe = Recipe() if epochs is None else Recipe(epochs=epochs)
    card = run(recipe, folder, _teller(), threads)
    click.echo(f"{folder / 'candidate' / card.file} is written; now: deepepil-models release detector")


@click.command()
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), default=RELEASES, show_default=True)
@click.option("--name", default=NAME, show_default=True, help="Name of the release in FOLDER.")
@click.option("--set", "which", type=click.Choice(["quick", "full"]), default="quick", show_default=True, help=SET_HELP)
@click.option("--results", type=click.Path(path_type=Path, file_okay=False), default=RESULTS, show_default=True)
def evaluate(folder: Path, name: str, which: Literal["quick", "full"], results: Path) -> None:
    """Put a release on trial beside the baselines, on patients it never saw; a result kept for the same file is read."""
    from models.detector.judgement import evaluate_release
    from models.detector.tables import lines_of
    from shared.results import print_results, write_results

    result = evaluate_release(folder, name, results, which, _teller())
    click.echo(f"\n{name}, {which} set, {result.document['says']}:")
    print_results(result.figures)
    click.echo("\n".join(lines_of(result.document)))
    path = write_results("evaluate", f"deepepil-models evaluate detector --set {which}", result.figures)
    click.echo(f"written to {path}, tables in {result.path}")


@click.command()
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), default=KEPT / "candidate", show_default=True
)
@click.option("--to", type=click.Path(path_type=Path, file_okay=False), default=RELEASES, show_default=True)
@click.option("--name", default=NAME, show_default=True, help="Name of the release in FOLDER.")
@click.option("--set", "which", type=click.Choice(["quick", "full"]), default="quick", show_default=True, help=SET_HELP)
def release(folder: Path, to: Path, name: str, which: Literal["quick", "full"]) -> None:
    """Put a candidate on trial and, when its floors hold, write it with its figures among the releases."""
    from models.detector.judgement import evaluate_release, release_of
    from shared.detector_session import open_release
    from shared.release import card_path, save_card
    from shared.results import print_results, write_results

    open_release(folder, name)
    result = evaluate_release(folder, name, to / "evaluations", which, _teller())
    print_results(result.figures)
    write_results("evaluate", f"deepepil-models release detector --set {which}", result.figures)
    card = release_of(folder, name, result)
    to.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(folder / card.file, to / card.file)
    save_card(card, card_path(to, name))
    open_release(to, name)
    click.echo(f"{to / card.file} is released: SHA-256 {card.sha256}.")
