"""Signing in and out: the session cookie, the person behind it, and the rights that the other routes ask for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.security import APIKeyCookie
from pydantic import BaseModel, ConfigDict, Field

from cloud import scope
from cloud.accounts import service
from cloud.accounts.rules import ABSOLUTE_END_NS, Right, roles_with
from cloud.accounts.service import SignedIn, Typed
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
    code: Text = Field(default="", max_length=8, description="of the second factor, for accounts that have one")

    def typed(self) -> Typed:
        """For the service; spaces that telephones show between the digits are left out."""
        return Typed(self.account, self.password, self.code.replace(" ", ""))


class Person(BaseModel):
    """Who is signed in."""

    account: str
    role: str = Field(description="the role; several are joined by +")
    sites: list[str]


async def signed_in(request: Request, token: Annotated[str | None, Depends(_cookie)]) -> SignedIn:
    """The person behind the cookie. 401 when there is none or the session has ended."""
    background = BACKGROUND_HEADER in request.headers
    found = await service.session_of(token, request.app.state.parts.clock.utc_ns(), background=background)
    if found is None:
        raise HttpProblem(401, "Please sign in.")
    scope.see(found.principal, found.session)
    return found


def with_right(right: Right) -> Callable[..., Awaitable[SignedIn]]:
    """A dependency: the signed-in person, seen only where a role of theirs holds `right`.

    Where none does: the same answer as for absence, audited. 403 while the second factor that the installation asks for
    is not set up.
    """
    roles = roles_with(right)

    async def checked(request: Request, person: Annotated[SignedIn, Depends(signed_in)]) -> SignedIn:
        if request.app.state.parts.second_factor_required and not person.second_factor:
            raise HttpProblem(403, "Please set up a second factor first, on the page of your account.")
        here = person.principal.within(roles)
        if not here.sites:
            await service.refuse(person.principal, f"{request.method} {request.scope['route'].path}")
        scope.see(here, person.session)
        return replace(person, principal=here)

    return checked


def person_of(found: SignedIn) -> Person:
    """As the pages know the person."""
    principal = found.principal
    return Person(account=principal.name, role="+".join(sorted(principal.roles)), sites=sorted(principal.sites))


def _cookie_flags(request: Request) -> dict[str, Any]:
    secure: bool = request.app.state.parts.secure_cookies
    return {"httponly": True, "samesite": "strict", "secure": secure, "path": "/"}


def address_of(request: Request) -> str:
    """Where the request comes from, as far as the proxy in front tells."""
    return request.client.host if request.client else "unknown"


@router.post("/session", responses=documented(400, 401, 403, 413, 422, 429))
async def sign_in(credentials: Credentials, request: Request, response: Response) -> Person:
    """Checks account, password and second factor and starts a session; whatever is wrong, the answer is the same."""
    now_ns = request.app.state.parts.clock.utc_ns()
    token, found = await service.sign_in(credentials.typed(), address_of(request), now_ns)
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
