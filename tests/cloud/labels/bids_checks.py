"""What the BIDS validator and hedtools say of an exported dataset."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from hed import Sidecar, TabularInput, load_schema_version

from shared.vocabulary import vocabulary

VALIDATOR = Path(sys.executable).parent / "bids-validator-deno"


def bids_faults(folder: Path, out: Path) -> list[dict[str, str]]:
    """The validator's errors, and whatever it says of HED; it writes what it found to `out`."""
    done = subprocess.run(
        [VALIDATOR, folder, "--format", "json", "--outfile", out], capture_output=True, timeout=120, check=False
    )
    assert out.exists(), done.stderr.decode()[-500:]
    issues: list[dict[str, str]] = json.loads(out.read_text())["issues"]["issues"]
    return [one for one in issues if one["severity"] == "error" or one["code"].startswith("HED")]


def hed_faults(table: Path, *, sidecar_too: bool = True) -> list[Any]:
    """What hedtools finds in the rows of an events table, and in the sidecar beside it."""
    schema = load_schema_version(vocabulary().hed_version)
    sidecar = Sidecar(str(table.with_suffix(".json")))
    found: list[Any] = sidecar.validate(schema) if sidecar_too else []
    return found + TabularInput(str(table), sidecar=sidecar).validate(schema)
