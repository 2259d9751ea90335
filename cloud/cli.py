"""The command line of the cloud: `deepepil-cloud api | ingester | worker | all | migrate | account | ca | enrol | revoke | check | export | demo`.

What goes wrong is told in one sentence on the error output, with the exit code of its family.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import click

from cloud.accounts.commands import people
from cloud.audit.commands import audit_group
from cloud.datasets.commands import dataset
from cloud.releases.commands import release
from cloud.settings import load_settings
from shared.errors import DeepEpilError, Misconfigured
from shared.software import software_version

CONFIG = click.option(
    "--config", required=True, type=click.Path(path_type=Path), help="the cloud's TOML file", metavar="FILE"
)
WITH_PARENT = click.option("--end-with-parent", is_flag=True, hidden=True)


class SentenceGroup(click.Group):
    """Turns our errors into one sentence and the exit code of their family."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command."""
        try:
            return super().invoke(ctx)
        except DeepEpilError as error:
            click.echo(f"deepepil-cloud: {error.sentence}", err=True)
            ctx.exit(error.exit_code)
        except ModuleNotFoundError as error:
            if error.name is None or error.name.split(".")[0] in {"cloud", "shared", "models"}:
                raise
            click.echo(
                f"deepepil-cloud: {error.name} is missing; install the extra: pip install 'deepepil[cloud]'.", err=True
            )
            ctx.exit(Misconfigured.exit_code)


@click.group(cls=SentenceGroup, context_settings={"max_content_width": 120})
@click.version_option(software_version())
def main() -> None:
    """The cloud of DeepEpil. For research use only: no diagnosis, no alarm."""


@main.command()
@CONFIG
@WITH_PARENT
def api(config: Path, end_with_parent: bool) -> None:
    """Serve the pages and interfaces for people and for beds."""
    from cloud.processes.api import run_api

    _run("api", run_api, config, end_with_parent)


@main.command()
@CONFIG
@WITH_PARENT
def ingester(config: Path, end_with_parent: bool) -> None:
    """Take what the beds publish into the database."""
    from cloud.processes.ingester import run_ingester

    _run("ingester", run_ingester, config, end_with_parent)


@main.command()
@CONFIG
@WITH_PARENT
def worker(config: Path, end_with_parent: bool) -> None:
    """Run jobs: classification, overdue clips, stalled jobs."""
    from cloud.processes.worker import run_worker

    _run("worker", run_worker, config, end_with_parent)


@main.command("all")
@CONFIG
def all_of_them(config: Path) -> None:
    """Run api, ingester and worker on this machine."""
    from cloud.processes.together import Together

    _run("all", Together(config).run, config, end_with_parent=False)


@main.command()
@CONFIG
@click.option("--bed", "beds", multiple=True, metavar="SITE.BED", help="make this bed known; may be repeated")
def migrate(config: Path, beds: Sequence[str]) -> None:
    """Prepare or upgrade the database; make the first account and show its password once."""
    from cloud.processes.migrate import prepare
    from cloud.processes.run import set_up_cloud_logs

    settings = load_settings(config)
    set_up_cloud_logs("migrate")
    first = asyncio.run(prepare(settings, beds))
    if first is not None:
        print(f"The first account is {first.name}; its password, shown only now: {first.password}")


@main.command()
@CONFIG
def doctor(config: Path) -> None:
    """Say what is wrong with the cloud, each fault with the page that says what to do; code 1 when there is one."""
    from cloud.doctor import examine
    from shared.finding import reach, told

    found = asyncio.run(examine(load_settings(config), reach))
    print("\n".join(told(found)) if found else "Nothing is wrong with this cloud.")
    sys.exit(1 if found else 0)


@main.command("settings")
@CONFIG
def settings_command(config: Path) -> None:
    """Read the settings, say that they are right, and the hash of the file."""
    load_settings(config)
    print(f"The settings are right; SHA-256 of the file: {sha256(config.read_bytes()).hexdigest()}")


@main.command()
@CONFIG
@click.argument("name")
@click.option(
    "--role", type=click.Choice(["clinician", "scientist", "ops", "dpo", "admin"]), help="needed for a new account"
)
@click.option(
    "--site", "sites", multiple=True, metavar="SITE", help="a site that the new account sees; may be repeated"
)
def account(config: Path, name: str, role: str | None, sites: Sequence[str]) -> None:
    """Make an account, or give a known one a new password; show the password once."""
    from cloud.processes.migrate import give

    given = asyncio.run(give(load_settings(config), name, role, sites))
    print(f"The account {given.name}; its password, shown only now: {given.password}")


@main.group()
def ca() -> None:
    """The beds' own certificate authority."""


@ca.command("init")
@CONFIG
def ca_init(config: Path) -> None:
    """Make the authority's key, certificate and first list, once; only the key's owner can read it."""
    from cloud.processes.identity import make_files

    print(f"The beds' authority is made: {make_files(load_settings(config))}")


@ca.command("list")
@CONFIG
def ca_list(config: Path) -> None:
    """Write the list of revoked certificates anew."""
    from cloud.processes.identity import write_list

    print(f"{asyncio.run(write_list(load_settings(config)))} certificates are on the list")


@main.command()
@CONFIG
@click.argument("bed", metavar="SITE.BED")
@click.option(
    "--minutes", type=click.IntRange(1, 1440), default=15, show_default=True, help="how long the code is good"
)
@click.option("--code-only", is_flag=True, help="print nothing but the code")
def enrol(config: Path, bed: str, minutes: int, code_only: bool) -> None:
    """Give out a one-time code by which one box becomes this bed."""
    from cloud.processes.identity import new_code

    code = asyncio.run(new_code(load_settings(config), bed, minutes))
    if code_only:
        print(code.text)
        return
    print(f"The code for {bed}, good once within {minutes} minutes: {code.text}")
    print(f"At the box: deepepil-edge enrol --config FILE --cloud https://CLOUD:PORT --code {code.text}")


@main.command()
@CONFIG
@click.argument("bed", metavar="SITE.BED")
@click.option("--serial", help="only the certificate with this serial number (hexadecimal), known or not")
def revoke(config: Path, bed: str, serial: str | None) -> None:
    """Revoke a bed's certificates: its uploads stop within seconds, its messages when the broker has the list."""
    from cloud.processes.identity import revoke_bed

    print(f"{asyncio.run(revoke_bed(load_settings(config), bed, serial))} certificates of {bed} were revoked")


@main.command()
@CONFIG
@click.option("--read-data", is_flag=True, help="read every stored object and compare its hash")
@click.option(
    "--bed-history", "histories", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
    help="compare with what a bed wrote by `deepepil-edge check --history`; may be repeated",
)  # fmt: skip
def check(config: Path, read_data: bool, histories: Sequence[Path]) -> None:
    """Prove the invariants of the cloud; name each fault."""
    from cloud.check import check_cloud
    from cloud.check_rows import Look
    from cloud.objects import Objects

    settings, told_at_s = load_settings(config), time.monotonic()

    def progress(sentence: str) -> None:
        nonlocal told_at_s
        if time.monotonic() > told_at_s + 5:
            told_at_s = time.monotonic()
            print(f"checked {sentence}", file=sys.stderr, flush=True)

    look = Look(Objects(settings.objects), read_data, settings.beds.open_clips, list(histories), progress)
    found = asyncio.run(check_cloud(settings.database, look))
    for fault in found.faults:
        print(f"{fault.invariant}: {fault.sentence}")
    print(found.summary)
    sys.exit(1 if found.fault_count else 0)


@main.command("export")
@CONFIG
@click.argument("event_id", type=click.UUID)
@click.option("--format", "form", type=click.Choice(["mkv", "mcap", "numpy"]), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="file; a folder for numpy, or NAME.zip")
@click.option("--force", is_flag=True, help="replace an export that is there already")
def export_command(config: Path, event_id: UUID, form: str, out: Path, force: bool) -> None:
    """Write a stored clip as Azure Kinect MKV, MCAP or NumPy."""
    from cloud.clips.export import export_to
    from shared.export.formats import ExportFormat, note_of, progress_on
    from shared.logs import set_up_logs

    set_up_logs("deepepil-cloud", "export", stream=sys.stderr)
    chosen, progress = ExportFormat(form), progress_on(sys.stderr)
    summary = asyncio.run(export_to(load_settings(config), event_id, chosen, out, force=force, progress=progress))
    print(summary.sentence)
    if (note := note_of(summary, chosen)) is not None:
        print(note, file=sys.stderr)


@main.command()
@click.option(
    "--source", default="simulator", metavar="FILE", help="an Azure Kinect recording in place of the simulator"
)
@click.option("--folder", type=click.Path(path_type=Path), default=None, help="where the demonstration keeps its data")
@click.option("--releases", type=click.Path(path_type=Path), default=None, help="folder of the trained networks")
def demo(source: str, folder: Path | None, releases: Path | None) -> None:
    """Start broker, database, cloud and two simulated beds on this machine; Ctrl-C stops all."""
    from cloud.demo.layout import demo_folder
    from cloud.demo.run import run_demo

    sys.exit(run_demo(folder or demo_folder(Path.cwd()), source, releases))


@main.command("demo-switch")
@click.argument("part", metavar="cloud|broker|BED")
@click.argument("deed", type=click.Choice(["on", "off", "kill"]))
@click.option("--folder", type=click.Path(path_type=Path), default=None, help="where the demonstration keeps its data")
def demo_switch(part: str, deed: Literal["on", "off", "kill"], folder: Path | None) -> None:
    """Turn a part of the running demonstration off and on again, to see what an outage does."""
    from cloud.demo.layout import demo_folder
    from cloud.demo.switch import ask

    print(ask(folder or demo_folder(Path.cwd()), deed, part))


def _run(name: str, process: Callable[..., Any], config: Path, end_with_parent: bool) -> None:
    from cloud.processes.run import end_with_parent as with_parent
    from cloud.processes.run import run_process

    if end_with_parent:
        with_parent()
    run_process(name, process, load_settings(config))


main.add_command(people)
main.add_command(audit_group)
main.add_command(dataset)
main.add_command(release)

if __name__ == "__main__":
    main()
