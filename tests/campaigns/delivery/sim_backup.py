"""Yesterday's backup of one site's rows, in the database itself, and the database lost to it."""

from __future__ import annotations

from tests.campaigns.delivery.sim_cloud import CloudHost

SITE_TABLES = (
    "bed", "bed_message", "event", "clip", "clip_object", "stored_object", "received_chunk", "review_task", "dead_letter",
    "difference", "audit_entry", "audit_head",
)  # fmt: skip
JOBS = "procrastinate_jobs"


class Backups:
    """The backup of one site at a time. A column that the database computes is not copied."""

    def __init__(self, host: CloudHost) -> None:
        self._host = host
        self._columns = {name: self._columns_of(name) for name in (*SITE_TABLES, JOBS)}
        copies = [
            f"CREATE UNLOGGED TABLE backup.{name} AS SELECT {columns} FROM {name} WITH NO DATA"  # noqa: S608
            for name, columns in self._columns.items()
        ]
        host.execute("; ".join(["CREATE SCHEMA backup", *copies]))

    def _columns_of(self, name: str) -> str:
        query = (
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = $1"
            " AND is_generated = 'NEVER' ORDER BY ordinal_position"
        )
        return ", ".join(f'"{row["column_name"]}"' for row in self._host.rows(query, name))

    def keep(self, site: str) -> None:
        """The backup of this moment replaces the one before."""
        parts = [f"TRUNCATE {', '.join(f'backup.{name}' for name in self._columns)}"]
        for name, columns in self._columns.items():
            where = "" if name == JOBS else f" WHERE site = '{site}'"
            parts.append(f"INSERT INTO backup.{name} SELECT {columns} FROM {name}{where}")  # noqa: S608
        self._host.execute("; ".join(parts))

    def restore(self, site: str) -> None:
        """What came after the backup never was. Triggers rest meanwhile, as in a restore of a dump."""
        parts = ["BEGIN; SET LOCAL session_replication_role = replica"]
        for name, columns in self._columns.items():
            where = "" if name == JOBS else f" WHERE site = '{site}'"
            parts.append(f"DELETE FROM {name}{where}")  # noqa: S608
            parts.append(f"INSERT INTO {name} ({columns}) SELECT {columns} FROM backup.{name}")  # noqa: S608
        self._host.execute("; ".join([*parts, "COMMIT"]))

    def empty(self) -> None:
        """Between two shares of seeds, so that tables do not grow."""
        self._host.execute(f"TRUNCATE {', '.join(SITE_TABLES)} RESTART IDENTITY CASCADE; DELETE FROM {JOBS}")  # noqa: S608
