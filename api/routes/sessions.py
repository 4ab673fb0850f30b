"""Signing in with an Ethereum account (EIP-4361), and the sessions that come of it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response

from api.adapters.sessions import (
    add_nonce,
    open_session,
    read_sessions,
    revoke_session,
    revoke_sessions,
)
from api.auth import VisitorOf, drop_cookie, keep_cookie, require_own_origin
from api.auth_signatures import require_signature
from api.context import ContextOf
from api.errors import BadValue, NotFound, SignInOff
from api.problem_details import problems
from api.schemas.sessions import (
    NonceAnswer,
    NonceRequest,
    SessionOut,
    Sessions,
    SignInRequest,
    session_out,
    shown_time,
)
from api.sessions import new_nonce, new_token, token_digest
from api.siwe import SignInMessage, message_from, text_of
from api.siwe_verification import SignInTerms, require_terms
from contracts.evm import Address, ChainId


def _terms(request: Request, context: ContextOf) -> SignInTerms:
    """What a message must say here.

    Raises:
        SignInOff: there is no domain to sign in to.
        ForeignOrigin: a page of another origin asks.
    """
    access = context.deps.access
    if access.domain is None:
        raise SignInOff
    require_own_origin(request, access)
    return SignInTerms(
        domain=access.domain, origins=access.origins, chain_ids=frozenset(context.chain_ids)
    )


_TermsOf = Annotated[SignInTerms, Depends(_terms)]
router = APIRouter(prefix="/sessions", tags=["sessions"])


@router.post("/nonce", responses=problems(403, 415))
async def make_nonce(context: ContextOf, terms: _TermsOf, wanted: NonceRequest) -> NonceAnswer:
    """A nonce for one sign-in within ten minutes, for this server's domain and one chain."""
    chain_id = ChainId(wanted.chain_id)
    if chain_id not in terms.chain_ids:
        raise BadValue(
            f"chain_id: chain {chain_id} is not served here", field="chain_id", value=chain_id
        )
    nonce, now = new_nonce(), context.deps.now()
    expires_at = await add_nonce(
        context.pool, nonce, domain=terms.domain, chain_id=chain_id, now=now
    )
    answer = NonceAnswer(
        nonce=nonce,
        domain=terms.domain,
        uri=context.deps.access.origins[0],
        chain_id=chain_id,
        issued_at=shown_time(now),
        expires_at=shown_time(expires_at),
        message=None,
    )
    if wanted.address is not None:
        answer.message = text_of(_message(answer, wanted.address))
    return answer


@router.post("", status_code=201, responses=problems(401, 403, 415))
async def sign_in(
    request: Request, context: ContextOf, terms: _TermsOf, signed: SignInRequest
) -> SessionOut:
    """Open a session for the account that signed the message, and set its cookie.

    An account has at most five sessions: one more revokes the oldest. A session ends seven days
    after it was last used. That of a contract wallet ends as soon as the wallet does not accept the
    signature any more, which is asked once a minute while the session is used.
    """
    now, access = context.deps.now(), context.deps.access
    message = message_from(signed.message)
    require_terms(message, terms, now)
    wallet = await require_signature(message, signed.message, signed.signature, access.wallets)
    token = new_token()
    session = await open_session(context.pool, message, token_digest(token), wallet=wallet, now=now)
    keep_cookie(request, access, token)
    return session_out(session, current=session.id)


@router.get("", responses=problems(401))
async def list_sessions(context: ContextOf, visitor: VisitorOf) -> Sessions:
    """All sessions of the account that asks."""
    found = await read_sessions(context.pool, visitor.account, now=context.deps.now())
    return Sessions(items=[session_out(one, current=visitor.session) for one in found])


@router.delete("/{session:uuid}", status_code=204, responses=problems(401, 403))
async def end_session(
    request: Request,
    context: ContextOf,
    visitor: VisitorOf,
    session: Annotated[UUID, Path(description="`id` of one of the account's sessions")],
) -> Response:
    """Revoke one session of the account that asks; of its own the cookie goes too."""
    if not await revoke_session(context.pool, visitor.account, session):
        raise NotFound(f"you have no session {session}", field="session", value=session)
    if session == visitor.session:
        context.known.forget(visitor.token_digest)
        drop_cookie(request, context.deps.access)
    return Response(status_code=204)


@router.delete("", status_code=204, responses=problems(401, 403))
async def end_sessions(request: Request, context: ContextOf, visitor: VisitorOf) -> Response:
    """Revoke all sessions of the account that asks."""
    await revoke_sessions(context.pool, visitor.account)
    context.known.forget(visitor.token_digest)
    drop_cookie(request, context.deps.access)
    return Response(status_code=204)


def _message(answer: NonceAnswer, address: Address) -> SignInMessage:
    """The message that a nonce is for."""
    return SignInMessage(
        domain=answer.domain,
        address=address,
        statement=f"Sign in to {answer.domain}.",
        uri=answer.uri,
        chain_id=ChainId(answer.chain_id),
        nonce=answer.nonce,
        issued_at=answer.issued_at,
        expiration_time=answer.expires_at,
    )
