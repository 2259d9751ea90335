"""The detector's commands behind `deepepil-models train | evaluate | release detector`. Light: torch is imported inside."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import click

KEPT = Path("build/detector")
RELEASES = Path("models/releases")
NAME = "detector-v0"


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
def evaluate(folder: Path, name: str) -> None:
    """Put a release on trial: 20 seizures, 2 h of ordinary sleep, 1 h of stress, all of patients it never saw."""
    from models.detector.judgement import try_release
    from shared.results import print_results, write_results

    figures = try_release(folder, name, KEPT / "control", _teller())
    click.echo(f"\n{name} on simulated patients that no training or tuning saw (no clinical claim):")
    print_results(figures)
    path = write_results("evaluate", "deepepil-models evaluate detector", figures)
    click.echo(f"written to {path}")


@click.command()
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), default=KEPT / "candidate", show_default=True
)
@click.option("--to", type=click.Path(path_type=Path, file_okay=False), default=RELEASES, show_default=True)
@click.option("--name", default=NAME, show_default=True, help="Name of the release in FOLDER.")
def release(folder: Path, to: Path, name: str) -> None:
    """Put a candidate on trial and, when its goals hold, write it with its figures among the releases."""
    from models.detector.judgement import release_of, try_release
    from shared.release import card_path, save_card, verify_release
    from shared.results import print_results, write_results

    figures = try_release(folder, name, KEPT / "control", _teller())
    print_results(figures)
    write_results("evaluate", "deepepil-models release detector", figures)
    card = release_of(folder, name, figures)
    to.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(folder / card.file, to / card.file)
    save_card(card, card_path(to, name))
    click.echo(f"{verify_release(to, name)} is released.")
