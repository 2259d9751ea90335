"""What a person can set, run or hear is documented: every setting, command, topic and process."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from pydantic import BaseModel

import cloud.cli
import cloud.settings
import edge_agent.cli
import edge_agent.settings
import models.cli
from edge_agent.process_table import ROWS
from shared.envelope import CONTRACTS
from shared.topics import RULES

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def keys(section: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in section.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from keys(kind, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


@pytest.mark.parametrize(
    ("settings", "page"),
    [
        (edge_agent.settings.Settings, "operations/settings.md"),
        (cloud.settings.CloudSettings, "operations/cloud-settings.md"),
    ],
)
def test_every_setting_is_documented(settings: type[BaseModel], page: str) -> None:
    text = (DOCS / page).read_text()
    sections = {match[1]: match[0] for match in re.finditer(r"\[([a-z]+)\].*?(?=\n## |\Z)", text, re.DOTALL)}
    for key in keys(settings):
        section, _, name = key.rpartition(".")
        assert re.search(rf"`{re.escape(key)}`|`{name}`", sections.get(section, text)), f"{page} says nothing of {key}"


@pytest.mark.parametrize(
    ("program", "group"),
    [("deepepil-edge", edge_agent.cli.main), ("deepepil-cloud", cloud.cli.main), ("deepepil-models", models.cli.main)],
)
def test_every_command_is_documented(program: str, group: object) -> None:
    text = (DOCS / "operations/commands.md").read_text()
    assert isinstance(group, click.Group)
    for command in group.commands:
        assert f"`{program} {command}`" in text, f"commands.md says nothing of {program} {command}"


def test_every_topic_is_documented_with_its_contract_and_limit() -> None:
    text = (DOCS / "contracts/messages.md").read_text()
    for topic, rule in RULES.items():
        row = re.search(rf"^\| `{topic.value}` .*$", text, re.MULTILINE)
        assert row, f"messages.md says nothing of {topic.value}"
        assert f"`{CONTRACTS[topic].__name__}`" in row[0]
        assert f"| {rule.qos} | {'yes' if rule.retained else 'no'} | {rule.limit_bytes // 1024} KiB |" in row[0]


def test_every_process_is_documented() -> None:
    text = (DOCS / "architecture.md").read_text()
    for row in ROWS:
        assert f"| {row.name} |" in text, f"architecture.md says nothing of the process {row.name}"


def test_every_page_that_is_linked_exists() -> None:
    for page in [ROOT / "README.md", *DOCS.rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links {target}, which is not there"
