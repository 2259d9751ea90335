"""Prints the OpenAPI document of the people's API: `python -m cloud.openapi > cloud/web/openapi.json`."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from cloud.app import PeopleParts, create_people_app
from cloud.objects import Objects
from cloud.releases.service import Releases
from cloud.settings import ObjectsSection
from shared.clock import SystemClock


def openapi_document() -> dict[str, Any]:
    """The document as the server gives it; it depends on the code alone."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts = PeopleParts(
            clock=SystemClock(),
            objects=Objects(ObjectsSection(url=folder.as_uri())),
            releases=Releases(folder),
            version="",
            commit="",
            web_folder=folder,
            secure_cookies=True,
        )
        return create_people_app(parts).openapi()


def openapi_text() -> str:
    """The document as it is committed: indented JSON in the order of the code."""
    return json.dumps(openapi_document(), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(openapi_text())
