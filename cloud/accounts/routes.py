"""Signing in and out: the session cookie, the person behind it, and the rights that the other routes ask for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.security import APIKeyCookie
from pydantic import BaseModel, ConfigDict, Field

from cloud.accounts import service
from cloud.accounts.rules import ABSOLUTE_END_NS, Right, Role, may
from cloud.accounts.service import SignedIn
from cloud.problems import HttpProblem, documented
from shared.clock import NS_PER_S
from shared.contract import Text

COOKIE = "deepepil_session"
BACKGROUND_HEADER = "x-deepepil-background"
"""A page that refreshes by itself sends this header; such a request does not keep the session alive."""

router = APIRouter(tags=["session"])
_cookie = APIKeyCookie(name=COOKIE, auto_error=False, description="the server-side session, set by POST /session")


class Credentials(BaseModel):
    """What a person types at the door."""

    model_config = ConfigDict(extra="forbid")

    account: Text = Field(min_length=1, max_length=64)
    password: Text = Field(min_length=1, max_length=256)


class Person(BaseModel):
    """Who is signed in."""

    account: str
    role: Role
    sites: list[str]


async def signed_in(request: Request, token: Annotated[str | None, Depends(_cookie)]) -> SignedIn:
    """The person behind the cookie. 401 when there is none or the session has ended."""
    background = BACKGROUND_HEADER in request.headers
    found = await service.session_of(token, request.app.state.parts.clock.utc_ns(), background=background)
    if found is None:
        raise HttpProblem(401, "Please sign in.")
    return found


def with_right(right: Right) -> Callable[..., Awaitable[SignedIn]]:
    """A dependency: the signed-in person if the role holds `right`; else the same answer as for absence, audited."""

    async def checked(request: Request, person: Annotated[SignedIn, Depends(signed_in)]) -> SignedIn:
        if not may(person.principal.roles, right):
            await service.refuse(person.principal, f"{request.method} {request.scope['route'].path}")
        return person

    return checked


def person_of(found: SignedIn) -> Person:
    (role,) = found.principal.roles
    return Person(account=found.principal.name, role=Role(role), sites=sorted(found.principal.sites))


def _cookie_flags(request: Request) -> dict[str, Any]:
    secure: bool = request.app.state.parts.secure_cookies
    return {"httponly": True, "samesite": "strict", "secure": secure, "path": "/"}


@router.post("/session", responses=documented(400, 401, 403, 413, 422, 429))
async def sign_in(credentials: Credentials, request: Request, response: Response) -> Person:
    """Checks account and password and starts a session; the answer to a wrong name and a wrong password is the same."""
    address = request.client.host if request.client else "unknown"
    now_ns = request.app.state.parts.clock.utc_ns()
    token, found = await service.sign_in(credentials.account, credentials.password, address, now_ns)
    response.set_cookie(COOKIE, token, max_age=ABSOLUTE_END_NS // NS_PER_S, **_cookie_flags(request))
    return person_of(found)


@router.get("/session", responses=documented(401))
async def who_am_i(person: Annotated[SignedIn, Depends(signed_in)]) -> Person:
    """The person behind the cookie."""
    return person_of(person)


@router.delete("/session", status_code=204, responses=documented(401, 403))
async def sign_out(request: Request, response: Response, person: Annotated[SignedIn, Depends(signed_in)]) -> None:
    """Ends the session on the server and takes the cookie back."""
    await service.sign_out(person)
    response.delete_cookie(COOKIE, **_cookie_flags(request))
