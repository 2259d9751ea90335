"""The command line of the bed: `deepepil-edge run`, `process`, `check`, `export`, `mark`, `privacy` and others. A fault is a sentence and a code."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import click

from edge_agent.patients_commands import patients
from shared.errors import DeepEpilError, Misconfigured
from shared.software import software_version

Command = TypeVar("Command", bound=Callable[..., Any])
FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)


def _config(command: Command) -> Command:
    return click.option("--config", required=True, type=FILE, help="The bed's settings, a TOML file.")(command)


class Program(click.Group):
    """A fault that was foreseen is one sentence on standard error and its family's exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except DeepEpilError as error:
            click.echo(f"deepepil-edge: {error.sentence}", err=True)
            return ctx.exit(error.exit_code)


@click.group(cls=Program)
@click.version_option(software_version())
def main() -> None:
    """Records one bed, finds possible seizures, and brings them to the cloud. For research use: no diagnosis, no alarm."""


@main.command()
@_config
def run(config: Path) -> None:
    """Runs all processes of the bed until it is told to stop."""
    import structlog

    from edge_agent.process_table import ROWS, SUPERVISOR
    from edge_agent.ring.folder import locked, prepare_folder
    from edge_agent.ring.opening import begin_work
    from edge_agent.settings import load_settings
    from edge_agent.supervisor import Supervisor, command_of
    from shared.clock import SystemClock
    from shared.logs import set_up_logs
    from shared.service_manager import ServiceManager

    settings = load_settings(config)
    set_up_logs("deepepil-edge", SUPERVISOR, site=settings.bed.site, bed=settings.bed.bed)
    folder = settings.storage.folder
    identity = prepare_folder(folder, settings.bed.site, settings.bed.bed, own_disk=settings.storage.own_disk)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with locked(folder, SUPERVISOR):
        begin_work(folder, identity, SystemClock())
        manager = ServiceManager(os.environ)
        Supervisor(
            folder, ROWS, command_of(config.resolve()), SystemClock(), stop, structlog.get_logger(), manager
        ).run()


@main.command()
@click.argument("name")
@_config
def process(name: str, config: Path) -> None:
    """Runs one process of the table alone, as the supervisor does."""
    from edge_agent.process_table import ROWS, row_of
    from edge_agent.runner import run_process
    from edge_agent.settings import load_settings

    row = row_of(name)
    if row is None:
        raise Misconfigured(f"There is no process {name}; there are {', '.join(each.name for each in ROWS)}.")
    sys.exit(run_process(row, load_settings(config)))


@main.command("replay")
@click.argument("file", type=FILE)
@click.option("--out", required=True, type=FOLDER, help="The bed's folder to record into; made if it is missing.")
def replay_command(file: Path, out: Path) -> None:
    """Records an Azure Kinect recording (MKV) through the bed's own recorder, as fast as it can be read."""
    from edge_agent.replay import replay
    from shared.logs import set_up_logs

    set_up_logs("deepepil-edge", "replay", stream=sys.stderr)
    summary = replay(file, out)
    frames = ", ".join(f"{count} {stream.value}" for stream, count in sorted(summary.frames.items()))
    print(f"recorded {frames} in {summary.segments} segments, {summary.missing_frames} missing")
    print(f"{summary.stored_bytes} bytes stored, ratio {summary.ratio:.2f}, {summary.seconds:.2f} s of the bed's time")


@main.command()
@click.argument("folder", type=FOLDER)
@click.option("--read-data", is_flag=True, help="Reads and decodes every image, and hashes every file.")
@click.option("--repair", is_flag=True, help="Mends what can be mended, with the agent stopped, and says each deed.")
@click.option("--history", type=FILE, help="Writes what was told and delivered there, for `deepepil-cloud check`.")
def check(folder: Path, read_data: bool, repair: bool, history: Path | None) -> None:
    """Proves the invariants of ring and outbox from outside; names each fault, exit code 1 when there is one."""
    from edge_agent.outbox_check import history_lines, outbox_faults
    from edge_agent.ring.repair import repair as mend
    from edge_agent.ring.ring_check import Fault, check_ring
    from shared.clock import NS_PER_S, SystemClock

    clock = SystemClock()
    next_ns = clock.monotonic_ns() + 5 * NS_PER_S

    def progress(done: int, known: int, size_bytes: int) -> None:
        nonlocal next_ns
        if clock.monotonic_ns() >= next_ns:
            next_ns = clock.monotonic_ns() + 5 * NS_PER_S
            print(f"checked {done} of {known} segments, {size_bytes / 1e9:.1f} GB read", file=sys.stderr, flush=True)

    if repair:
        mend(folder, clock, lambda deed: print(f"repaired: {deed}", flush=True), read_data=read_data)
    report = check_ring(folder, read_data=read_data, progress=progress)
    owed = list(outbox_faults(folder))
    for sentence in owed:
        report.add(Fault("I4", sentence))
    if history is not None:
        history.write_text("".join(f"{line}\n" for line in history_lines(folder, clock.utc_ns())))
    for note in report.notes:
        print(f"note: {note}")
    for fault in report.faults:
        print(f"{fault.invariant}: {fault.sentence}")
    print(report.sentence)
    print("I4 does not hold" if owed else "I4 holds: every message is delivered, waiting or a visible dead letter")
    sys.exit(1 if report.fault_count else 0)


@main.command("export")
@click.argument("folder", type=FOLDER, required=False)
@click.option("--config", type=FILE, help="The bed's settings, in place of its folder.")
@click.option("--from", "start", help="Start of the span: ISO 8601 with a time zone, or seconds before now.")
@click.option("--to", "end", default="0", show_default=True, help="End of the span, not part of it; as --from.")
@click.option("--clip", type=click.UUID, help="The clip of this event, in place of a span.")
@click.option("--format", "form", type=click.Choice(["mkv", "mcap", "numpy"]), required=True)
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="File to write; a folder for numpy, or NAME.zip."
)
@click.option("--force", is_flag=True, help="Replaces an export that is there already.")
def export_command(
    folder: Path | None, config: Path | None, start: str | None, end: str, clip: UUID | None, form: str, out: Path,
    force: bool,
) -> None:  # fmt: skip
    """Writes a span of at most an hour, or a clip, for other programs: Azure Kinect MKV, MCAP or NumPy. For research use only.

    A frame belongs to the half-open span by its monotonic time; the wall times of --from and --to become monotonic time by the
    clocks of the segment that was newest then. The newest ten seconds are in the ring once their segment is sealed.
    """
    from edge_agent.export import clip_excerpt, moment, span_excerpt
    from edge_agent.settings import load_settings
    from shared.clock import SystemClock
    from shared.export.formats import ExportFormat, note_of, progress_on, write_export

    if (folder is None) == (config is None) or (start is None) == (clip is None):
        raise click.UsageError("Give the bed's FOLDER or --config, and --from or --clip.")
    place = folder if folder is not None else load_settings(config or Path()).storage.folder
    now_ns = SystemClock().utc_ns()
    chosen = (
        span_excerpt(place, moment(start or "", now_ns), moment(end, now_ns))
        if clip is None
        else clip_excerpt(place, clip)
    )
    with chosen as excerpt:
        summary = write_export(excerpt, ExportFormat(form), out, progress_on(sys.stderr), force=force)
    print(summary.sentence)
    if (note := note_of(summary, ExportFormat(form))) is not None:
        print(note, file=sys.stderr)


@main.group()
def outbox() -> None:
    """Dead letters: what the cloud will not take, and what a person does with it."""


@outbox.command("list")
@_config
@click.option("--limit", default=100, show_default=True, help="How many, newest first.")
def outbox_list(config: Path, limit: int) -> None:
    """Lists the dead letters with their events and reasons."""
    from edge_agent.outbox.commands import letter_lines
    from edge_agent.settings import load_settings

    for line in letter_lines(load_settings(config), limit):
        print(line)


@outbox.command("retry")
@click.argument("event_id")
@_config
def outbox_retry(event_id: str, config: Path) -> None:
    """Sends what is known of an event again."""
    from edge_agent.outbox.commands import retry_event
    from edge_agent.settings import load_settings

    print(retry_event(load_settings(config), event_id))


@outbox.command("give-up")
@click.argument("event_id")
@click.option("--reason", required=True, help="Why; it is written down.")
@_config
def outbox_give_up(event_id: str, reason: str, config: Path) -> None:
    """Ends an event's dead letters and its hold on the segments. It is written down and cannot be undone."""
    from edge_agent.outbox.commands import give_up_event
    from edge_agent.settings import load_settings

    print(give_up_event(load_settings(config), event_id, reason))


@main.command("mark")
@_config
def mark_command(config: Path) -> None:
    """Marks this moment: an event from a minute before to a minute after; pressed again, it grows."""
    from edge_agent.mark import mark_now
    from edge_agent.settings import load_settings

    print(mark_now(load_settings(config)))


@main.command("privacy")
@click.argument("turn", type=click.Choice(["on", "off"]))
@_config
def privacy_command(turn: str, config: Path) -> None:
    """Turns the privacy switch: on ends every live view of this bed at once and lets nobody watch; recording goes on."""
    from edge_agent.doctor import act_as_owner
    from edge_agent.live.privacy import set_private
    from edge_agent.settings import load_settings

    folder = load_settings(config).storage.folder
    act_as_owner(folder)
    set_private(folder, on=turn == "on")
    print("Nobody can watch this bed now." if turn == "on" else "This bed can be watched again.")


@main.command("coverage")
@_config
@click.option("--hours", default=24, show_default=True, type=click.IntRange(1, 24 * 90), help="How many, up to now.")
@click.option("--format", "form", default="csv", show_default=True, type=click.Choice(["csv", "json"]))
def coverage_command(config: Path, hours: int, form: str) -> None:
    """Writes what was recorded by stream and hour, and what the rest was lost to, in seconds."""
    from edge_agent.coverage_report import as_csv, as_json, hour_lines
    from edge_agent.settings import load_settings

    lines = hour_lines(load_settings(config), hours)
    print((as_csv if form == "csv" else as_json)(lines), end="")


@main.command("doctor")
@_config
@click.option("--may-upgrade", is_flag=True, help="Only whether an event is open: code 75 while one is.")
@click.option("--after-upgrade", is_flag=True, help="Only what a version that was just started must show.")
def doctor_command(config: Path, may_upgrade: bool, after_upgrade: bool) -> None:
    """Says what is wrong with the bed, each fault with the page that says what to do; code 1 when there is one."""
    from edge_agent import doctor
    from edge_agent.settings import load_settings
    from shared.clock import SystemClock
    from shared.finding import reach, told

    settings, clock = load_settings(config), SystemClock()
    doctor.act_as_owner(settings.storage.folder)
    if may_upgrade:
        doctor.refuse_upgrade_now(settings)
        print("No event is open.")
        return
    found = doctor.after_upgrade(settings, clock) if after_upgrade else doctor.examine(settings, clock, reach)
    print("\n".join(told(found)) if found else "Nothing is wrong with this bed.")
    sys.exit(1 if found else 0)


@main.command("enrol")
@_config
@click.option("--cloud", "url", required=True, metavar="URL", help="Where the cloud takes boxes: https://HOST:PORT.")
@click.option("--code", required=True, help="What `deepepil-cloud enrol` printed; - reads it from standard input.")
def enrol_command(config: Path, url: str, code: str) -> None:
    """Makes this box the bed of its settings: a key that never leaves it, and a certificate for a one-time code."""
    from edge_agent.identity.service import enrol
    from edge_agent.settings import load_settings

    text = sys.stdin.readline(200) if code == "-" else code
    certificate = enrol(load_settings(config), url, text)
    print(f"This box is enrolled; its certificate is good until {certificate.not_valid_after_utc:%Y-%m-%d}.")


@main.command("renew")
@_config
@click.option("--force", is_flag=True, help="Even when more than a third of the certificate's life is left.")
def renew_command(config: Path, force: bool) -> None:
    """Gets the next certificate when a third of the present one's life is left. A timer calls it twice a day."""
    from edge_agent.identity.service import renew
    from edge_agent.settings import load_settings
    from shared.clock import SystemClock

    found = renew(load_settings(config), SystemClock().utc_ns(), force=force)
    if found is None:
        print("The certificate is good for a while yet.")
    else:
        print(f"The certificate is new, good until {found.not_valid_after_utc:%Y-%m-%d}.")


@main.command("settings")
@_config
def settings_command(config: Path) -> None:
    """Reads the settings, says that they are right, and the hash of the file."""
    from edge_agent.settings import load_settings

    load_settings(config)
    print(f"The settings are right; SHA-256 of the file: {sha256(config.read_bytes()).hexdigest()}")


@main.command()
@_config
def status(config: Path) -> None:
    """Says how the bed is: whether the agent runs, what the ring holds, the last heartbeat."""
    from edge_agent.settings import load_settings
    from edge_agent.status import status_lines

    for line in status_lines(load_settings(config)):
        print(line)


main.add_command(patients)

if __name__ == "__main__":
    main()
