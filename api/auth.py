"""Who asks: the visitor whose session a cookie names.

    the_visitor     a session, or 401; for a change also an origin of ours, or 403
    maybe_visitor   a session, or None

The cookie is HttpOnly, so no script reads it; Secure and `__Host-`, so no other host sets it; Lax,
so no foreign page sends it with a change. The origin of a change is checked nevertheless: Lax knows
sites, not origins. Requests without a browser name no origin, and bring no cookie that they were
not given.

Source: RFC 6265bis §4.1.3 (`__Host-`); Fetch standard (`Origin`, `Sec-Fetch-Site`).
"""

from dataclasses import dataclass
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie

from api.adapters.sessions import read_session
from api.auth_access import Access
from api.auth_signatures import is_accepted
from api.context import ContextOf
from api.errors import ChainSilent, ForeignOrigin, NoSession
from api.security_headers import VISIT
from api.sessions import Account, Session, is_token, token_digest
from contracts.evm import Address, ChainId, Hash32

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITE = frozenset({"same-origin", "none"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """An account that signed in, for one chain, by one session."""

    account: Account
    session: UUID
    token_digest: Hash32

    def account_on(self, chain_id: ChainId) -> Address | None:
        """Whose word it is on a chain; None where it is nobody's.

        A key is the same everywhere. A contract is its owner's on its own chain only: at the same
        address of another one there may be a contract of somebody else.
        """
        one = self.account
        return None if one.is_contract and chain_id != one.chain_id else one.address


async def maybe_visitor(request: Request, context: ContextOf) -> Visitor | None:
    """The visitor; None without a live session.

    Raises:
        ForeignOrigin: a page of another origin asks for a change.
    """
    access, now = context.deps.access, context.deps.now()
    token = request.cookies.get(access.cookie_name)
    if token is None or not is_token(token):
        return None
    require_own_origin(request, access)
    digest = token_digest(token)
    session = await read_session(context.pool, digest, now=now, vouch=partial(_is_vouched, access))
    if session is None:
        context.known.forget(digest)
        return None
    context.known.remember(digest, session.account, now)
    request.scope[VISIT] = b""
    if session.slid_at(now):
        keep_cookie(request, access, token)  # the session slid, so the cookie does
    return Visitor(account=session.account, session=session.id, token_digest=digest)


async def _is_vouched(access: Access, session: Session) -> bool | None:
    """Whether the wallet stands by what a session was opened with; None where nobody can tell."""
    if session.wallet is None or access.wallets is None:
        return None
    try:
        return await is_accepted(session.address, session.chain_id, session.wallet, access.wallets)
    except ChainSilent:
        return None


MaybeVisitorOf = Annotated[Visitor | None, Depends(maybe_visitor)]

_DOCUMENTED = APIKeyCookie(
    name=Access().cookie_name,
    scheme_name="session",
    description="Set by `POST /v1/sessions`.",
    auto_error=False,
)


async def the_visitor(
    visitor: MaybeVisitorOf, _: Annotated[str | None, Security(_DOCUMENTED)]
) -> Visitor:
    """The visitor.

    Raises:
        NoSession: nobody is signed in.
        ForeignOrigin: a page of another origin asks for a change.
    """
    if visitor is None:
        raise NoSession
    return visitor


VisitorOf = Annotated[Visitor, Depends(the_visitor)]


def require_own_origin(request: Request, access: Access) -> None:
    """Refuse a change that a page of another origin asks for.

    Raises:
        ForeignOrigin: as the browser says.
    """
    if request.method in _READING:
        return
    origin = request.headers.get("origin")
    if origin is not None:
        if origin not in access.origins:
            raise ForeignOrigin(origin)
    elif request.headers.get("sec-fetch-site", "none") not in _OWN_SITE:
        raise ForeignOrigin("unnamed")


def keep_cookie(request: Request, access: Access, token: str) -> None:
    """Let the browser keep a session from now on."""
    request.scope[VISIT] = access.cookie_of(token)


def drop_cookie(request: Request, access: Access) -> None:
    """Let the browser forget its session."""
    request.scope[VISIT] = access.cookie_of("")
