"""Errors as RFC 9457 problem documents: what went wrong in one sentence, the same form for every refusal and fault."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from cloud.database import UNREACHABLE
from shared.errors import DeepEpilError, Refused, Transient

MEDIA_TYPE = "application/problem+json"
NO_SUCH = "There is nothing here under this name."
_log = structlog.get_logger(__name__)


class Problem(BaseModel):
    """An RFC 9457 problem document; `title` is the status in words, `detail` one sentence for a person."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    current_version: int | None = Field(default=None, description="with 409: the version that the server holds")


class HttpProblem(DeepEpilError):
    """A refusal that has its own HTTP status, such as 404 for absence or 409 for a stale version."""

    def __init__(
        self,
        status: int,
        sentence: str,
        *,
        current_version: int | None = None,
        retry_after_s: int | None = None,
        close: bool = False,
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.current_version = current_version
        self.retry_after_s = retry_after_s
        self.close = close
        """The connection ends with the answer: what the caller still sends is not read."""


def absent() -> HttpProblem:
    """The one answer to what does not exist and to what this person may not see: nobody can tell them apart."""
    return HttpProblem(404, NO_SUCH)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: each of these statuses is answered with a Problem."""
    return {status: {"model": Problem, "description": HTTPStatus(status).phrase} for status in statuses}


def problem_response(problem: HttpProblem) -> JSONResponse:
    """The problem as an answer that no cache keeps."""
    body = Problem(
        title=HTTPStatus(problem.status).phrase,
        status=problem.status,
        detail=problem.sentence,
        current_version=problem.current_version,
    )
    headers = {"cache-control": "no-store"}
    if problem.retry_after_s is not None:
        headers["retry-after"] = str(problem.retry_after_s)
    if problem.close:
        headers["connection"] = "close"
    return JSONResponse(
        body.model_dump(exclude_none=True), status_code=problem.status, media_type=MEDIA_TYPE, headers=headers
    )


async def _on_http_problem(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HttpProblem)
    return problem_response(error)


async def _on_family(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, DeepEpilError)
    if isinstance(error, Transient):
        return problem_response(HttpProblem(503, error.sentence, retry_after_s=5))
    if isinstance(error, Refused):
        return problem_response(HttpProblem(422, error.sentence))
    _log.error("request_failed", sentence=error.sentence, **error.facts)
    return problem_response(HttpProblem(500, "The server found its own records broken; the operators were told."))


async def _on_unreachable(_request: Request, error: Exception) -> JSONResponse:
    _log.warning("database_unreachable", fault=type(error).__name__)
    return problem_response(HttpProblem(503, "The database does not answer now; please try again.", retry_after_s=5))


async def _on_validation(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    fault = error.errors()[0]
    field = ".".join(str(part) for part in fault["loc"]) or "request"
    return problem_response(HttpProblem(422, f"{field}: {fault['msg']}."))


async def _on_http_exception(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    sentences = {404: NO_SUCH, 405: "This address does not answer that method."}
    response = problem_response(HttpProblem(error.status_code, sentences.get(error.status_code, str(error.detail))))
    response.headers.update(error.headers or {})
    return response


def install_problems(app: FastAPI) -> None:
    """Makes the application answer every error with a Problem."""
    app.add_exception_handler(HttpProblem, _on_http_problem)
    app.add_exception_handler(DeepEpilError, _on_family)
    for kind in UNREACHABLE:
        app.add_exception_handler(kind, _on_unreachable)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http_exception)
