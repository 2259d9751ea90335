"""The cloud's configuration file: strict, and clear about what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud.settings import CloudSettings, load_settings
from shared.clip import RawPolicy
from shared.errors import Misconfigured

DEMO = """
mode = "demo"
[database]
url = "embedded:/var/lib/deepepil/database"
[objects]
url = "file:///var/lib/deepepil/objects"
[mqtt]
host = "127.0.0.1"
[beds]
certificate_file = "server.crt"
key_file = "/etc/deepepil/server.key"
ca_file = "../ca.crt"
"""
PRODUCTION = """
[database]
url = "postgresql://deepepil:secret@db.example:5432/deepepil"
[objects]
url = "s3://clips/deepepil"
endpoint = "https://s3.example"
access_key = "a"
secret_key = "hidden"
[mqtt]
host = "broker.example"
ca_file = "ca.crt"
certificate_file = "cloud.crt"
key_file = "cloud.key"
[beds]
certificate_file = "server.crt"
key_file = "server.key"
ca_file = "ca.crt"
"""


def load(folder: Path, text: str) -> CloudSettings:
    path = folder / "cloud.toml"
    path.write_text(text)
    return load_settings(path)


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    beds = load(tmp_path, DEMO).beds
    assert beds.certificate_file == tmp_path / "server.crt"
    assert beds.key_file == Path("/etc/deepepil/server.key")
    assert beds.ca_file == tmp_path.parent / "ca.crt"


def test_what_is_not_set_has_its_documented_value(tmp_path: Path) -> None:
    settings = load(tmp_path, DEMO)
    assert (settings.people.port, settings.beds.port, settings.mqtt.port) == (8400, 8401, 8883)
    assert settings.site.raw_policy is RawPolicy.on_confirm
    assert settings.site.clip_overdue_s == 600


def test_a_production_file_is_taken_and_never_shows_its_secret(tmp_path: Path) -> None:
    settings = load(tmp_path, PRODUCTION)
    assert settings.mode == "production"
    assert "hidden" not in repr(settings)


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ('mode = "demo"', 'mode = "demo"\ncolour = 1', "unknown key colour"),
        ("[mqtt]", "[mqtt]\nhosts = 1", "unknown key mqtt.hosts"),
        ('host = "127.0.0.1"', 'host = "127.0.0.1"\nport = "1883"', "mqtt.port"),
        ('host = "127.0.0.1"', 'host = "127.0.0.1"\nport = 70000', "mqtt.port"),
        ('host = "127.0.0.1"', 'host = "broker.example"', "another machine"),
        ('host = "127.0.0.1"', 'host = "127.0.0.1"\nca_file = "x"', "go together"),
        ('mode = "demo"', "", "real PostgreSQL"),
        ('mode = "demo"', 'mode = "test"', "mode"),
        ("embedded:/var", "sqlite:/var", "database.url"),
        ('ca_file = "../ca.crt"', "", "beds.ca_file"),
        ("[beds]", "[site]\nraw_policy = 'sometimes'\n[beds]", "site.raw_policy"),
        ("[mqtt]", "[mqtt", "is not TOML"),
    ],
)
def test_a_wrong_file_is_refused_in_one_sentence_that_names_the_key(
    tmp_path: Path, before: str, after: str, sentence: str
) -> None:
    with pytest.raises(Misconfigured) as caught:
        load(tmp_path, DEMO.replace(before, after))
    assert sentence in caught.value.sentence
    assert str(tmp_path / "cloud.toml") in caught.value.sentence
    assert "\n" not in caught.value.sentence


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ('ca_file = "ca.crt"\ncertificate_file = "cloud.crt"\nkey_file = "cloud.key"', "", "broker"),
        ("[beds]", "[people]\nhost = '0.0.0.0'\n[beds]", "HTTPS"),
    ],
)
def test_production_refuses_what_only_a_demonstration_may(
    tmp_path: Path, before: str, after: str, sentence: str
) -> None:
    with pytest.raises(Misconfigured, match=sentence):
        load(tmp_path, PRODUCTION.replace(before, after))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"nowhere\.toml"):
        load_settings(tmp_path / "nowhere.toml")
