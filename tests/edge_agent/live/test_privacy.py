"""The privacy switch: on or off, kept on the disk, and on when nobody can tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.live.privacy import is_private, set_private
from shared.errors import Transient


def test_the_switch_stands_where_it_was_turned_to_however_often(tmp_path: Path) -> None:
    assert not is_private(tmp_path)
    for on in (True, True, False, False, True):
        set_private(tmp_path, on=on)
        assert is_private(tmp_path) is on


def test_a_folder_that_cannot_be_looked_into_counts_as_private(tmp_path: Path) -> None:
    assert is_private(tmp_path / "gone")
    (tmp_path / "file").write_text("")
    assert is_private(tmp_path / "file")
    with pytest.raises(Transient, match="privacy switch"):
        set_private(tmp_path / "gone", on=True)
