"""`deepepil-models weights add | list`: checkpoints from elsewhere, checked and kept. Light: torch is imported inside."""

from __future__ import annotations

from pathlib import Path

import click

WEIGHTS = Path("build/weights")
_NAME = r"[a-z0-9][a-z0-9._-]{0,63}"


@click.group()
def weights() -> None:
    """Checkpoints from elsewhere that a training may begin with."""


@weights.command("add")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--sha256", required=True, help="What the file's SHA-256 must be, from where you have the file.")
@click.option("--name", default=None, help="Name under which it is kept; the file's own when left out.")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), default=WEIGHTS, show_default=True)
def add(file: Path, sha256: str, name: str | None, folder: Path) -> None:
    """Check an I3D checkpoint of the published PyTorch port and keep it as safetensors."""
    import re

    from models.i3d.checkpoint import add_weights

    chosen = name or file.stem.lower()
    if not re.fullmatch(_NAME, chosen):
        raise click.UsageError(f"--name must be lower-case letters, digits, dots and dashes, not {chosen!r}.")
    kept, report = add_weights(file, sha256, folder, chosen)
    click.echo(report.sentence())
    click.echo(f"{kept} is kept.")


@weights.command("list")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), default=WEIGHTS, show_default=True)
def list_weights(folder: Path) -> None:
    """Name what is kept, with the SHA-256 of each file."""
    from shared.release import sha256_of

    for path in sorted(folder.glob("*.safetensors")):
        click.echo(f"{path.stem}  {sha256_of(path)}")
