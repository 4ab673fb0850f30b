"""Writing about payments: intents are stored, transactions are taken note of, looked at and bound.

These are the only writes of the API besides those of signing in, and all of them are here. They go
through the use case that the worker and the command line use too (`settlement.payments`), in one of
a few threads, because it is synchronous: an answer is judged by the one verifier, and a place is
bound by the one constraint. Everything is append-only and idempotent: the same request again
changes nothing and has the same answer.
"""

from asyncio import Semaphore
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from starlette.concurrency import run_in_threadpool

from api.errors import (
    BadValue,
    DatabaseUnavailable,
    NotFound,
    NotThePayer,
    OrderTaken,
    PaymentUnverified,
    TooManyTransactions,
)
from contracts.addresses import Settlement
from contracts.evm import Address, Timestamp
from settlement.errors import BadValue as BadContent
from settlement.errors import Rejected, Transient, UnknownName
from settlement.payments.errors import TooManySubmissions, UnknownIntent
from settlement.payments.families import AssetSource, Family, family_named
from settlement.payments.intent import LIFETIME_S_MAX, PaymentIntent
from settlement.payments.policies import Outcome
from settlement.payments.ports import Submission
from settlement.payments.verify_payment import Look, PaymentDesk

Answer = TypeVar("Answer")

_TAKEN = frozenset({Outcome.CLAIMED_ELSEWHERE, Outcome.DUPLICATE})


async def declare_intent(
    desk: PaymentDesk,
    draft: Callable[[], PaymentIntent],
    *,
    visitor: Address | None,
    now: Timestamp,
    writers: Semaphore,
) -> tuple[PaymentIntent, bool]:
    """Store an intent with the fee that it is quoted; whether it is new.

    Args:
        desk: of the settlement.
        draft: makes the intent, and refuses what none can be.
        visitor: who is signed in.
        now: the time; what begins in a far future would be kept until then.
        writers: how many may write at once.

    Raises:
        BadValue: no payment could satisfy it.
        NotThePayer: its payments name no order, and the payer is somebody else.
        DatabaseUnavailable: the database does not answer.
    """

    def declare() -> tuple[PaymentIntent, bool]:
        intent = draft()
        _require_payer(intent, visitor)
        if intent.until > now + LIFETIME_S_MAX:
            raise BadValue(
                f"until: {intent.until} is more than {LIFETIME_S_MAX} s ahead of {now}",
                field="until",
                value=intent.until,
            )
        quoted = desk.quoted(intent)
        return quoted, desk.declare(quoted)

    return await _written(declare, writers)


async def submit_transaction(
    desk: PaymentDesk, submission: Submission, *, visitor: Address | None, writers: Semaphore
) -> Look:
    """Take note of a transaction for an intent, look at it, and bind it if it pays.

    Raises:
        NotFound: there is no such intent.
        NotThePayer: its payments name no order, and the payer is somebody else.
        OrderTaken: the payment serves another order, or the order has another payment.
        TooManyTransactions: the intent was told of as many as it may be.
        PaymentUnverified: neither index nor node can show it right now.
        DatabaseUnavailable: the database does not answer.
    """

    def submit() -> Look:
        intent = desk.store.intent(submission.intent_id)
        if intent is None:
            raise UnknownIntent(submission.intent_id)
        _require_payer(intent, visitor)
        return desk.submit(submission)

    found = await _written(submit, writers)
    if found.ruling is not None and found.ruling.outcome in _TAKEN:
        tx_hash = submission.transaction_hash
        raise OrderTaken(found.reason, field="transaction_hash", value=tx_hash)
    return found


def _require_payer(intent: PaymentIntent, visitor: Address | None) -> None:
    """Refuse strangers where no event names an order.

    Nothing else tells whose transaction it is, and an intent is told of so many and no more.

    Raises:
        NotThePayer: the payer is somebody else.
    """
    if intent.family.order is None and intent.payer != visitor:
        raise NotThePayer(
            f"payer: sign in as {intent.payer} to announce its transfer",
            field="payer",
            value=intent.payer,
        )


def contract_for(settlement: Settlement, family: Family, asset: Address) -> Address:
    """Which contract of a settlement takes payments of a family in an asset.

    Raises:
        BadValue: the settlement has none, or does not take the asset.
    """
    if family.asset is not AssetSource.NATIVE and asset not in settlement.tokens:
        raise BadValue(f"asset: {asset} is not taken here", field="asset", value=asset)
    if family.asset is AssetSource.EMITTER:
        return asset
    contract = settlement.payments.get(family.event.contract)
    if contract is None:
        raise BadValue(
            f"family: {family.name} payments are not taken here", field="family", value=family.name
        )
    return contract


def payee_for(settlement: Settlement, payee: Address) -> Address:
    """A payee of a settlement: money that its contracts get by themselves is nobody's payment.

    Raises:
        BadValue: it is one of the settlement's contracts or tokens.
    """
    ours = {*settlement.contracts.values(), *settlement.payments.values(), *settlement.tokens}
    if payee in ours:
        raise BadValue(f"payee: {payee} is a contract of ours", field="payee", value=payee)
    return payee


def family_of(name: str) -> Family:
    """The family of that name.

    Raises:
        BadValue: there is none.
    """
    try:
        return family_named(name)
    except UnknownName as error:
        raise BadValue(str(error), field="family", value=name) from error


async def _written(work: Callable[[], Answer], writers: Semaphore) -> Answer:
    """Run a use case in a thread; its failures become the API's."""
    try:
        async with writers:
            return await run_in_threadpool(work)
    except UnknownIntent as error:
        raise NotFound(str(error), field="intent_id", value=error.intent_id) from error
    except BadContent as error:
        raise BadValue(str(error), field=error.field, value="") from error
    except TooManySubmissions as error:
        raise TooManyTransactions(str(error), field="transaction_hash", value="") from error
    except Rejected as error:
        raise BadValue(str(error), field="body", value="") from error
    except Transient as error:
        raise PaymentUnverified(str(error)) from error
    except OperationalError as error:
        raise DatabaseUnavailable(type(error.orig).__name__) from error
    except NoConnection as error:
        raise DatabaseUnavailable("no connection is free") from error
