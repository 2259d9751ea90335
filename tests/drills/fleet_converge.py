"""`make drill-fleet-converge`: Ansible brings a bare bed and a bare cloud to their state over SSH; a second run changes nothing.

The hosts have no route to anywhere (tests/drills/fleet_hosts.py), so the offline bundle is installed without any registry. No service
manager runs in them: files, packages, users, certificates, and which services start with the host are real; starting them is not.
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from shared.results import Figure, print_results, write_results
from tests.drills.fleet_hosts import Fleet, Host, fleet, play, run

COMMAND = "make drill-fleet-converge"
BUNDLES = Path("build/bundle")
LIMIT_MINUTES = 10
STAND_IN = {
    "base_firewall_loaded": False, "base_started": False, "postgres_started": False, "mosquitto_started": False,
    "cloud_started": False, "web_proxy_started": False, "edge_agent_started": False, "backup_started": False,
    "wireguard_started": False, "kinect_started": False,
}  # fmt: skip
"""No service manager runs in a chroot: services are set up to start with the host and are not started."""


def bundle() -> tuple[Path, str]:
    """The newest bundle and its version; made, without torch, when there is none."""
    if not list(BUNDLES.glob("deepepil-*.tar")):
        key = BUNDLES.parent / "fleet" / "signing.pem"
        key.parent.mkdir(parents=True, exist_ok=True)
        run("openssl", "genpkey", "-algorithm", "ed25519", "-out", key)
        run("nice", "-n", "15", sys.executable, "-m", "scripts.bundle", "--key", key, "--no-torch", limit_s=1_800)
    found = max(BUNDLES.glob("deepepil-*.tar"), key=lambda path: path.stat().st_mtime)
    return found.resolve(), found.stem.removeprefix("deepepil-")


def inventory(found: Fleet, bed: Host | None, cloud: Host | None) -> Path:
    """One bed and one cloud with all its parts but the worker, whose torch the drill's bundle leaves out."""
    tar, version = bundle()
    shared: dict[str, object] = {
        **STAND_IN, "ansible_user": "root", "software_bundle": str(tar), "software_version": version,
        "software_public_key": str(tar.parent / "bundle.pub"), "pki_authority_folder": str(found.folder / "authority"),
    }  # fmt: skip
    groups: dict[str, object] = {}
    if bed is not None:
        groups["beds"] = {"hosts": {bed.name: _of_bed(bed, cloud)}}
    if cloud is not None:
        hosts = {cloud.name: _of_cloud(found, cloud)}
        groups |= {group: {"hosts": hosts} for group in ("database", "broker", "app", "web")} | {"workers": {}}
    path = found.folder / "inventory" / "hosts.yml"
    path.parent.mkdir()
    path.write_text(json.dumps({"all": {"vars": shared, "children": groups}}, indent=1))
    return path


def _of_bed(bed: Host, cloud: Host | None) -> dict[str, object]:
    address = cloud.address if cloud is not None else bed.address
    return {
        "ansible_host": bed.address, "edge_agent_site": "north", "edge_agent_bed": "bed-1",
        "edge_agent_max_bytes": 10**10, "edge_agent_broker_host": address,
        "edge_agent_cloud_url": f"https://{address}:8401", "edge_agent_source": "simulator",
        "edge_agent_own_disk": False, "pki_certificates": [{"name": "north.bed-1", "file": "bed"}],
    }  # fmt: skip


def _of_cloud(found: Fleet, cloud: Host) -> dict[str, object]:
    return {
        "ansible_host": cloud.address,
        "pki_certificates": [
            {"name": "cloud", "file": "cloud"}, {"name": "box", "file": "server", "hosts": [cloud.address, "127.0.0.1"]},
        ],
        "mosquitto_beds": ["north.bed-1"], "mosquitto_certificate": "server", "postgres_password": "of-the-drill-alone",
        "cloud_database_password": "of-the-drill-alone", "cloud_beds": ["north.bed-1"], "cloud_migrates": True,
        "cloud_processes": ["api", "ingester"], "base_open_ports": [{"port": 443}, {"port": 8401}, {"port": 8883}],
        "web_proxy_name": "box.hospital.example", "web_proxy_certificate": "/etc/deepepil/server.crt",
        "web_proxy_key": "/etc/deepepil/server.key", "backup_recipient": str(recipient(found)),
        "backup_objects_folder": "/var/lib/deepepil/objects",
    }  # fmt: skip


def recipient(found: Fleet) -> Path:
    """The public half of a key for the copies."""
    home, path = found.folder / "gpg", found.folder / "backup-recipient.asc"
    home.mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet"]
    run(*gpg, "--passphrase", "", "--quick-generate-key", "backup@drill", "default", "default")
    path.write_text(run(*gpg, "--armor", "--export", "backup@drill"))
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "gpg-agent"], capture_output=True, check=False)
    return path


def counts(output: str) -> tuple[int, int]:
    """How much a run changed, and how many tasks failed or hosts were not reached, from Ansible's last lines."""
    recap = output.rpartition("PLAY RECAP")[2]
    changed = sum(int(number) for number in re.findall(r"changed=(\d+)", recap))
    failed = sum(int(number) for number in re.findall(r"(?:failed|unreachable)=(\d+)", recap))
    return changed, failed if "changed=" in recap else 1


def drill(wanted: set[str]) -> dict[str, Figure]:
    """Both runs, and what they changed."""
    began_s = time.monotonic()
    with fleet() as found:
        cloud = found.add("cloud", 11) if "cloud" in wanted else None
        bed = found.add("bed", 21) if "bed" in wanted else None
        alone = all(host.has_no_route for host in found.hosts)
        place = inventory(found, bed, cloud)
        playbook = "site.yml" if len(wanted) == 2 else {"bed": "edge.yml", "cloud": "cloud.yml"}[min(wanted)]
        results = []
        for number in (1, 2):
            print(f"{time.monotonic() - began_s:6.0f} s  run {number} of {playbook}", flush=True)
            output = play(found, place, playbook)
            results.append(counts(output))
            if results[-1][1]:
                print(output[-6_000:])
                break
    minutes = (time.monotonic() - began_s) / 60
    (first, *more) = results
    second, failed = (more or [(-1, first[1])])[0]
    return {
        "hosts": Figure(len(wanted), "chroots"),
        "hosts_without_route": Figure(len(wanted) if alone else 0, "chroots", "all", alone),
        "first_run_changed": Figure(first[0], "tasks"),
        "failed": Figure(first[1] + failed, "tasks", "0", first[1] + failed == 0),
        "second_run_changed": Figure(second, "tasks", "0", second == 0),
        "minutes": Figure(round(minutes, 1), "min", f"at most {LIMIT_MINUTES}", minutes <= LIMIT_MINUTES),
    }


def main() -> None:
    """Exit code 0 when every goal but the time holds: that depends on the machine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", default="bed,cloud", help="bed, cloud, or both")
    wanted = set(parser.parse_args().hosts.split(","))
    if not wanted or wanted - {"bed", "cloud"}:
        parser.error("--hosts takes bed, cloud, or bed,cloud")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that hosts and namespaces are taken away then too
    figures = drill(wanted)
    print_results(figures)
    write_results("drill-fleet-converge", COMMAND, figures)
    sys.exit(0 if all(figure.holds is not False for name, figure in figures.items() if name != "minutes") else 1)


if __name__ == "__main__":
    main()
