"""What the roles write with the hospital's inventory is taken by the programs that read it. Ansible itself renders the templates."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import cloud.settings
import edge_agent.settings
from tests.ansible.environment import ANSIBLE, run
from tests.authority import TestAuthority

PASSWORD = 'p@ss w"ord/with:all?of#it'
WANTED = {
    "north-bed-1": [("edge_agent", "edge.toml"), ("base", "chrony.conf"), ("base", "nftables.conf")],
    "app01": [("cloud", "cloud.toml"), ("web_proxy", "deepepil.conf")],
    "data01": [("backup", "deepepil-backup"), ("postgres", "pg_hba.conf")],
    "broker01": [("mosquitto", "acl")],
}
PLAY = """---
- name: Templates as hosts would get them
  hosts: {hosts}
  gather_facts: false
  vars:
    ansible_connection: local
    postgres_password: '{password}'
    cloud_objects_secret_key: 'se"cret'
  tasks:
    - name: The template
      ansible.builtin.template:
        src: "{roles}/{{{{ item.0 }}}}/templates/{{{{ item.1 }}}}.j2"
        dest: "{out}/{{{{ inventory_hostname }}}}.{{{{ item.1 }}}}"
        mode: "0600"
      loop: "{{{{ {wanted}[inventory_hostname] }}}}"
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files, as HOST.NAME; the roles' defaults lie below the inventory, as in a run."""
    folder = tmp_path_factory.mktemp("templates")
    below = folder / "defaults"
    (below / "group_vars").mkdir(parents=True)
    (below / "hosts.yml").write_text("all: {}\n")
    texts = [path.read_text().removeprefix("---\n") for path in sorted((ANSIBLE / "roles").glob("*/defaults/main.yml"))]
    (below / "group_vars/all.yml").write_text("\n".join(texts))
    play = folder / "play.yml"
    play.write_text(
        PLAY.format(hosts=":".join(WANTED), password=PASSWORD, roles=ANSIBLE / "roles", out=folder, wanted=repr(WANTED))
    )
    found = run(folder, "ansible-playbook", "-i", str(below), "-i", "inventories/example-hospital", str(play))
    assert found.returncode == 0, found.stdout + found.stderr
    return folder


def test_the_bed_takes_its_settings(written: Path) -> None:
    settings = edge_agent.settings.load_settings(written / "north-bed-1.edge.toml")
    assert (settings.bed.site, settings.bed.bed, settings.upload.time_zone) == ("north", "bed-1", "Europe/Lisbon")
    assert settings.mqtt.key_file == written / "bed.key", "certificates lie beside the settings, wherever those are"


def test_the_cloud_takes_its_settings_and_any_password(written: Path) -> None:
    settings = cloud.settings.load_settings(written / "app01.cloud.toml")
    parts = urlsplit(settings.database.url)
    assert (unquote(parts.password or ""), parts.hostname) == (PASSWORD, "data01.hospital.example")
    assert settings.site.policy_of("north") == "always"


def test_the_broker_binds_each_certificate_to_its_bed(written: Path) -> None:
    lines = (written / "broker01.acl").read_text().split("\n\nuser ")
    assert [part.splitlines()[0] for part in lines[1:]] == [
        f"{s}.bed-{n}" for s in ("north", "south") for n in (1, 2, 3)
    ]
    assert "topic write deepepil/v1/south/bed-2/event" in lines[5]
    assert all("south/bed-2" in line for line in lines[5].splitlines() if line.startswith("topic"))


def test_the_web_proxys_settings_are_understood(written: Path, tmp_path: Path) -> None:
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    if nginx is None:
        pytest.skip("nginx is not installed; `apt-get install nginx-light` brings it.")
    certificate = TestAuthority(tmp_path).issue("app01", server=True)
    text = (written / "app01.deepepil.conf").read_text()
    text = text.replace("/etc/deepepil/host.crt", str(certificate.certificate_file))
    (tmp_path / "site.conf").write_text(text.replace("/etc/deepepil/host.key", str(certificate.key_file)))
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{ include {tmp_path}/site.conf; }}\n"
    )
    found = subprocess.run(
        [nginx, "-t", "-q", "-c", tmp_path / "nginx.conf"], capture_output=True, text=True, check=False, timeout=60
    )
    assert found.returncode == 0, found.stderr


def test_the_program_of_the_copies_is_a_program(written: Path) -> None:
    found = subprocess.run(
        ["bash", "-n", written / "data01.deepepil-backup"], capture_output=True, text=True, check=False, timeout=60
    )
    assert (found.returncode, found.stderr) == (0, "")


def test_the_database_lets_in_the_named_hosts_by_tls_alone(written: Path) -> None:
    lines = [line.split() for line in (written / "data01.pg_hba.conf").read_text().splitlines() if line[:1] != "#"]
    far = [line for line in lines if line[0] != "local" and not line[3].startswith("127.")]
    assert [line[3] for line in far] == ["192.0.2.12/32", "192.0.2.13/32", "192.0.2.14/32"]
    assert {(line[0], line[4]) for line in far} == {("hostssl", "scram-sha-256")}
