"""`deepepil-models train | evaluate | release` × `detector | i3d`: one sentence and an exit code for every refusal.

`deepepil-models evaluate --recordings DIR --annotations FILE` tries a detector on a hospital's own recordings.

Each network brings a light module `models/NETWORK/command.py` with click commands `train`, `evaluate` and `release`; torch and
the like are imported inside them, so that help is quick and a missing extra is told in one sentence.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import click

from models.i3d.weights_command import weights
from shared.errors import DeepEpilError, Misconfigured

NETWORKS = ("detector", "i3d")


class NetworkGroup(click.Group):
    """The subcommands of one verb: `models.NETWORK.command.VERB` for each network."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The networks, in alphabetical order."""
        return list(NETWORKS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of this group's verb for a network, None for an unknown one."""
        if cmd_name not in NETWORKS:
            return None
        found = getattr(import_module(f"models.{cmd_name}.command"), str(self.name), None)
        return found if isinstance(found, click.Command) else None


def _sentence(error: ModuleNotFoundError) -> Misconfigured:
    missing = (error.name or "a module").partition(".")[0]
    return Misconfigured(f"{missing} is not installed; deepepil-models needs the extra: pip install 'deepepil[train]'.")


class Program(click.Group):
    """The whole program: every refusal becomes one sentence on standard error and an exit code."""

    def main(self, args: Sequence[str] | None = None, *_: Any, **__: Any) -> NoReturn:
        """Runs and exits: 0, 2 for wrong usage, 65 refused, 78 misconfigured, 130 interrupted."""
        try:
            code = super().main(args, prog_name="deepepil-models", standalone_mode=False)
        except click.ClickException as error:
            error.show()
            code = error.exit_code
        except (click.Abort, KeyboardInterrupt):
            click.echo("Stopped; the same command goes on from the last finished step.", err=True)
            code = 130
        except DeepEpilError as error:
            click.echo(error.sentence, err=True)
            code = error.exit_code
        except ModuleNotFoundError as error:
            if (error.name or "").startswith(("models", "shared")):
                raise
            refusal = _sentence(error)
            click.echo(refusal.sentence, err=True)
            code = refusal.exit_code
        sys.exit(code if isinstance(code, int) else 0)


@click.group(cls=Program)
def main() -> None:
    """Train, evaluate and release the networks of DeepEpil. Research use only."""


@main.group(cls=NetworkGroup)
def train() -> None:
    """Train a network from nothing on the simulated ward; an interrupted run goes on where it stopped."""


@main.group(cls=NetworkGroup, invoke_without_command=True)
@click.option("--recordings", type=click.Path(path_type=Path, exists=True, file_okay=False), help="A hospital's own.")
@click.option("--annotations", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Seizures as TSV.")
@click.option("--release", "name", default="detector-v0", show_default=True, help="The detector to try on them.")
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), default=Path("models/releases"), show_default=True
)
@click.option("--zone", default="UTC", show_default=True, help="Time zone of dateTime in the annotations.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("build/results"), show_default=True
)
@click.pass_context
def evaluate(ctx: click.Context, /, recordings: Path | None, annotations: Path | None, **options: Any) -> None:
    """Print how well a release does: on simulated patients it never saw, or on RECORDINGS of a hospital with ANNOTATIONS."""
    if ctx.invoked_subcommand is not None:
        if recordings or annotations:
            raise click.UsageError("--recordings and --annotations stand without a network's name.")
        return
    if recordings is None or annotations is None:
        raise click.UsageError(f"Name a network ({', '.join(NETWORKS)}), or give both --recordings and --annotations.")
    from models.evaluation.command import evaluate_hospital

    evaluate_hospital(recordings, annotations, **options)


@main.group(cls=NetworkGroup)
def release() -> None:
    """Evaluate a trained network and put it with its card among the releases."""


main.add_command(weights)


if __name__ == "__main__":
    main()
