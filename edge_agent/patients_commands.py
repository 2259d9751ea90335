"""`deepepil-edge patients`: who is behind a code, from an encrypted file of the unit. Nothing of it is ever sent or logged.

Names are asked for, never taken as arguments: a shell keeps its history.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from edge_agent.patients import PatientFile, Person, found
from shared.errors import Refused

Command = TypeVar("Command", bound=Callable[..., Any])
PATH = click.Path(path_type=Path, dir_okay=False)


def _options(command: Command) -> Command:
    command = click.option("--passphrase-file", type=PATH, help="Holds the passphrase; without it, it is asked for.")(
        command
    )
    return click.option("--file", "path", required=True, type=PATH, help="The encrypted file of the unit.")(command)


@click.group()
def patients() -> None:
    """Who is behind a code: an encrypted file that stays in the unit."""


@patients.command()
@_options
def init(path: Path, passphrase_file: Path | None) -> None:
    """Makes an empty file."""
    PatientFile(path, _passphrase(passphrase_file, again=True)).create()
    click.echo(f"{path} is made. Without its passphrase nobody can read it: keep that somewhere else.")


@patients.command()
@_options
@click.option("--code", help="A code that the cloud made at the admission; without it, one is made.")
def add(path: Path, passphrase_file: Path | None, code: str | None) -> None:
    """Asks for a person and tells the code."""
    file = PatientFile(path, _passphrase(passphrase_file))
    name = click.prompt("Name", type=str)
    born = click.prompt("Date of birth", type=str, default="", show_default=False)
    number = click.prompt("Number of the hospital", type=str, default="", show_default=False)
    click.echo(file.add(name, born, number, code).code)


@patients.command()
@_options
def find(path: Path, passphrase_file: Path | None) -> None:
    """Asks for a part of a code, name, date of birth or number, and tells who it is."""
    persons = PatientFile(path, _passphrase(passphrase_file)).persons()
    hits = found(persons, click.prompt("What to look for", type=str))
    for person in hits:
        click.echo(_line(person))
    if not hits:
        raise Refused("Nobody was found.")


@patients.command("list")
@_options
def list_command(path: Path, passphrase_file: Path | None) -> None:
    """Tells all persons by code."""
    for person in PatientFile(path, _passphrase(passphrase_file)).persons():
        click.echo(_line(person))


@patients.command()
@_options
@click.argument("code")
def remove(path: Path, passphrase_file: Path | None, code: str) -> None:
    """Forgets who is behind a code; what is stored under it can no longer be traced to a person."""
    PatientFile(path, _passphrase(passphrase_file)).remove(code)
    click.echo(f"Nobody knows any more who {code} was.")


@patients.command()
@_options
@click.option("--new-passphrase-file", type=PATH, help="Holds the new one; without it, it is asked for.")
def passphrase(path: Path, passphrase_file: Path | None, new_passphrase_file: Path | None) -> None:
    """Gives the file a new passphrase."""
    file = PatientFile(path, _passphrase(passphrase_file))
    file.change_passphrase(_passphrase(new_passphrase_file, again=True))
    click.echo("The new passphrase holds. Copies of the old file still open with the old one.")


def _passphrase(file: Path | None, *, again: bool = False) -> str:
    if file is None:
        asked: str = click.prompt("Passphrase", hide_input=True, confirmation_prompt=again)
        return asked
    try:
        return file.read_text().strip("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{file}: the passphrase cannot be read.") from error


def _line(person: Person) -> str:
    return "  ".join(text for text in (person.code, person.name, person.born, person.number) if text)
