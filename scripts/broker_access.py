"""Prints the template of the broker's access list for Ansible, from the table of topics in shared/topics.py."""

from __future__ import annotations

from shared.topics import ROOT, RULES

HEAD = "# {{ ansible_managed }}\n# Generated from shared/topics.py by `make docs`.\n"


def access_template() -> str:
    """A Jinja template: the cloud by its certificate's name, then each bed of `mosquitto_beds` (SITE.BED) with its own topics."""
    lines = ["user {{ mosquitto_cloud_name }}"]
    for topic, rule in RULES.items():
        lines.append(f"topic {'read' if rule.from_bed else 'write'} {ROOT}/+/+/{topic.value}")
    lines += ["{% for bed in mosquitto_beds %}", "", "user {{ bed }}"]
    for topic, rule in RULES.items():
        deed = "write" if rule.from_bed else "read"
        lines.append(f"topic {deed} {ROOT}/{{{{ bed | replace('.', '/') }}}}/{topic.value}")
    return HEAD + "\n".join([*lines, "{% endfor %}"]) + "\n"


if __name__ == "__main__":
    print(access_template(), end="")
