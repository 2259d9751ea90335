"""The committed API document is the one that the code makes."""

from __future__ import annotations

from pathlib import Path

from cloud.openapi import openapi_document, openapi_text

COMMITTED = Path(__file__).parents[2] / "cloud" / "web" / "openapi.json"


def test_the_committed_document_is_what_the_code_says() -> None:
    assert COMMITTED.read_text() == openapi_text(), "run: python -m cloud.openapi > cloud/web/openapi.json"


def test_every_error_is_documented_as_a_problem_and_every_operation_has_a_name_of_its_own() -> None:
    names = []
    for path in openapi_document()["paths"].values():
        for operation in path.values():
            names.append(operation["operationId"])
            for status, answer in operation["responses"].items():
                if status >= "400":
                    assert list(answer["content"]) == ["application/problem+json"]
    assert len(names) == len(set(names))
