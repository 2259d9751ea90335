"""A person's own account: what it may, its password, its second factor, its sessions, and the glass to break."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from cloud.accounts import own
from cloud.accounts.routes import address_of, signed_in
from cloud.accounts.second_factor import address_of as telephone_address
from cloud.accounts.service import MIN_PASSWORD_LETTERS, SignedIn, Typed
from cloud.problems import documented
from shared.clock import utc_text
from shared.contract import Text
from shared.ids import SiteName

router = APIRouter(tags=["account"])
Self = Annotated[SignedIn, Depends(signed_in)]
SessionName = Annotated[str, Path(pattern="^[0-9a-f]{16}$")]
Code = Annotated[Text, Field(max_length=8, description="six digits")]


class GrantView(BaseModel):
    """What the account may be in one site."""

    site: str
    role: str


class SessionView(BaseModel):
    """One session of the account."""

    name: str
    began_utc: str
    used_utc: str
    this_one: bool


class AccountView(BaseModel):
    """One's own account."""

    account: str
    grants: list[GrantView]
    second_factor: bool
    may_break_glass: bool
    sessions: list[SessionView]


class Proof(BaseModel):
    """One's own password, and the code where the account has a second factor."""

    model_config = ConfigDict(extra="forbid")

    password: Text = Field(min_length=1, max_length=256)
    code: Code = ""

    def of(self, person: SignedIn) -> Typed:
        """As typed by this person."""
        return Typed(person.principal.name, self.password, self.code.replace(" ", ""))


class NewPassword(Proof):
    """The old password and the new one."""

    new_password: Text = Field(min_length=MIN_PASSWORD_LETTERS, max_length=256)


class Begun(BaseModel):
    """The secret for the telephone, shown once."""

    secret: str
    address: str = Field(description="otpauth address for the telephone's program")


class Confirmation(BaseModel):
    """A first code of the begun second factor."""

    model_config = ConfigDict(extra="forbid")

    code: Code


class GlassRequest(BaseModel):
    """Which site must be seen, and why, without names."""

    model_config = ConfigDict(extra="forbid")

    site: SiteName
    reason: Text = Field(min_length=10, max_length=200)


class GlassAnswer(BaseModel):
    """Until when the site is seen."""

    site: str
    until_utc: str


@router.get("/account", responses=documented(401))
async def own_account(person: Self, request: Request) -> AccountView:
    """One's own account with its grants and sessions."""
    found = await own.own_account(person, _now_ns(request))
    return AccountView(
        account=person.principal.name,
        grants=[GrantView(site=site, role=role) for site, role in found.grants],
        second_factor=found.second_factor,
        may_break_glass=found.may_break_glass,
        sessions=[
            SessionView(
                name=one.name,
                began_utc=utc_text(one.created_utc_ns),
                used_utc=utc_text(one.used_utc_ns),
                this_one=one.this_one,
            )
            for one in found.sessions
        ],
    )


@router.put("/account/password", status_code=204, responses=documented(400, 401, 403, 413, 422, 429))
async def change_password(asked: NewPassword, person: Self, request: Request) -> None:
    """Keeps a new password; all other sessions of the account end."""
    now_ns = _now_ns(request)
    await own.change_password(person, asked.of(person), asked.new_password, address_of(request), now_ns)


@router.post("/account/second-factor", responses=documented(400, 401, 403, 413, 422, 429))
async def begin_second_factor(asked: Proof, person: Self, request: Request) -> Begun:
    """A new secret for a telephone; it counts once a code of it was shown."""
    secret = await own.begin_second_factor(person, asked.of(person), address_of(request), _now_ns(request))
    return Begun(secret=secret, address=telephone_address(secret, person.principal.name))


@router.put("/account/second-factor", status_code=204, responses=documented(400, 401, 403, 409, 413, 422))
async def confirm_second_factor(asked: Confirmation, person: Self, request: Request) -> None:
    """The begun second factor holds from now on; 409 for a code that is not of it."""
    await own.confirm_second_factor(person, asked.code.replace(" ", ""), _now_ns(request))


@router.delete("/account/sessions/{session}", status_code=204, responses=documented(401, 403, 404, 422))
async def end_session(session: SessionName, person: Self) -> None:
    """Ends one of one's own sessions, and within five seconds what it still receives."""
    await own.end_session(person, session)


@router.post("/account/broken-glass", status_code=201, responses=documented(400, 401, 403, 404, 413, 422))
async def break_glass(asked: GlassRequest, person: Self, request: Request) -> GlassAnswer:
    """Lets see a site's patients for an hour without a grant: audited with its reason, and an alarm goes off."""
    until_ns = await own.break_glass(person, asked.site, asked.reason, _now_ns(request))
    return GlassAnswer(site=asked.site, until_utc=utc_text(until_ns))


def _now_ns(request: Request) -> int:
    now_ns: int = request.app.state.parts.clock.utc_ns()
    return now_ns
