"""The classifier's commands behind `deepepil-models train | evaluate | release i3d`. Light: torch is imported inside."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import click

KEPT = Path("build/i3d")
RELEASES = Path("models/releases")
NAME = "i3d-narrow-v1"


def _teller() -> Callable[[str], None]:
    start_s = time.monotonic()

    def tell(line: str) -> None:
        click.echo(f"{time.monotonic() - start_s:7.1f} s  {line}")

    return tell


@click.command()
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), default=KEPT, show_default=True)
@click.option("--minutes", type=click.FloatRange(0.05, 600), default=12.0, show_default=True, help="40 steps each.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=1, show_default=True)
@click.option("--threads", type=click.IntRange(1, 64), default=1, show_default=True, help="Threads of the training.")
def train(folder: Path, minutes: float, seed: int, threads: int) -> None:
    """Train the narrow I3D and its clip head on the simulated ward; file and card are written to FOLDER."""
    import torch

    from models.i3d.train import train_i3d

    torch.set_num_threads(threads)
    card = train_i3d(folder, seed, minutes, _teller())
    click.echo(f"{card} is written; now: deepepil-models release i3d")


@click.command()
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), default=RELEASES, show_default=True)
@click.option("--name", default=NAME, show_default=True, help="Name of the release in FOLDER.")
@click.option("--clips", type=click.IntRange(3, 3_000), default=60, show_default=True)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=2, show_default=True)
def evaluate(folder: Path, name: str, clips: int, seed: int) -> None:
    """Classify clips of simulated patients that no training saw: macro-F1 with its interval, each class, each deed."""
    from models.i3d.evaluate import evaluate_release
    from shared.results import Figure, print_results, write_results

    report = evaluate_release(folder, name, count=clips, seed=seed, progress=_teller())
    figures = {}
    for key, metric in report.metrics().items():
        interval = "" if metric.low is None else f", 95 % interval {metric.low} to {metric.high}"
        figures[f"i3d_{key}"] = Figure(metric.value, f"{metric.unit} (n = {metric.n}{interval})")
    click.echo(f"\n{name} on simulated patients that no training saw (no clinical claim):")
    print_results(figures)
    click.echo(f"written to {write_results('evaluate-i3d', 'deepepil-models evaluate i3d', figures)}")


@click.command()
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), default=KEPT, show_default=True)
@click.option("--to", type=click.Path(path_type=Path, file_okay=False), default=RELEASES, show_default=True)
@click.option("--name", default=NAME, show_default=True, help="Name of the release in FOLDER.")
def release(folder: Path, to: Path, name: str) -> None:
    """Check a trained network against its card (its figures are in it) and put both among the releases."""
    from shared.release import card_path, load_card, save_card, verify_release

    file, card = verify_release(folder, name), load_card(card_path(folder, name))
    to.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, to / card.file)
    save_card(card, card_path(to, name))
    click.echo(f"{verify_release(to, name)} is released.")
