"""`EpochPayouts` and its tokens at one block hash, by JSON-RPC batches.

Reconciliation has its own client and may have its own endpoint: what the books are compared with
must not come through the indexer. Every call names the block by hash (EIP-1898,
`requireCanonical`), so that an endpoint on another fork fails and never answers for another block.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlsplit

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from requests.exceptions import RequestException
from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    wait_exponential,
)
from web3 import HTTPProvider
from web3.types import RPCEndpoint

from contracts.addresses import Settlement
from contracts.calls import EPOCH_OF, PAID_LINES, EpochState, EpochStatus, Function
from contracts.event_spec import ContractName
from contracts.evm import Address, BlockRef, Epoch, bytes_from_hex
from reconciliation.errors import BadAnswer, ChainUnavailable
from reconciliation.snapshot import ChainSnapshot, Committed, EpochAsset, LeafKey, Questions

CALLS_MAX = 200
"""Calls of one batch."""

_TRIES_MAX, _TRIES_WITHIN_S = 3, 10
_FIRST_WAIT_S, _WAIT_MAX_S = 0.1, 2

_FIRST_EPOCH = Function("firstEpoch", ())
_EPOCH_AT = Function("epochAt", ("uint64",))
_ASSETS_OF = Function("assetsOf", ("uint64",))
_ACCOUNTED = Function("accounted", ("address",))
_PAID_IN = Function("paidIn", ("uint64", "address"))
_REMAINING = Function("remaining", ("uint64", "address"))
_ESCROWED = Function("escrowed", ("uint64", "address"))
_ANNOUNCED = Function("unallocatedReserved", ("uint64", "address"))
_HELD_UNTIL = Function("heldUntil", ("address",))
_UNALLOCATED = Function("unallocated", ("uint64", "address"))
_UNCLAIMED = Function("unclaimed", ("address", "address"))
_BALANCE_OF = Function("balanceOf", ("address",))

_Key = TypeVar("_Key")
_Call = tuple[Address, Function, tuple[object, ...]]
"""Contract, function, arguments."""


class _NoAnswer(Exception):
    """One try that brought no answers; the message is the cause."""


class RPCChain:
    """One endpoint; serves `reconcile.Chain`."""

    def __init__(self, url: str, settlement: Settlement, *, timeout_s: int) -> None:
        self._host = urlsplit(url).hostname or ""
        self._provider = HTTPProvider(
            url, request_kwargs={"timeout": timeout_s}, exception_retry_configuration=None
        )
        self._payouts = settlement.payouts
        self._clock = settlement.contracts[ContractName.EPOCH_CLOCK]
        self._retrying = Retrying(
            stop=stop_after_attempt(_TRIES_MAX) | stop_after_delay(_TRIES_WITHIN_S),
            wait=wait_exponential(multiplier=_FIRST_WAIT_S, max=_WAIT_MAX_S),
            retry=retry_if_exception_type(_NoAnswer),
            reraise=True,
        )

    def snapshot(self, at: BlockRef, questions: Questions) -> ChainSnapshot:
        """The answers at this block hash.

        Epochs are those of the questions and all from the contract's first to the one after the
        block's own; assets are those of the questions and all that these epochs were funded in.

        Raises:
            ChainUnavailable: no answer, or none for this block.
            BadAnswer: an answer that the interface rules out.
        """
        epochs = self._epochs(at, questions)
        assets = sorted(questions.assets | self._funded_assets(epochs, at))
        pairs: list[EpochAsset] = [(epoch, asset) for epoch in epochs for asset in assets]
        return ChainSnapshot(
            block=at,
            balances=self._uints(
                {asset: (asset, _BALANCE_OF, (bytes(self._payouts),)) for asset in assets}, at
            ),
            accounted=self._views(_ACCOUNTED, {asset: (bytes(asset),) for asset in assets}, at),
            paid_in=self._views(_PAID_IN, _pairs(pairs), at),
            remaining=self._views(_REMAINING, _pairs(pairs), at),
            escrowed=self._views(_ESCROWED, _pairs(pairs), at),
            unallocated=self._views(_UNALLOCATED, _pairs(pairs), at),
            announced=self._views(_ANNOUNCED, _pairs(pairs), at),
            unclaimed=self._views(
                _UNCLAIMED,
                {key: (bytes(key[0]), bytes(key[1])) for key in questions.unclaimed},
                at,
            ),
            paid_lines=self._views(PAID_LINES, _leaves(questions.leaves), at),
            holds={
                payee: expires_at if expires_at > at.timestamp else 0
                for payee, expires_at in self._views(
                    _HELD_UNTIL, {payee: (bytes(payee),) for payee in questions.held}, at
                ).items()
            },
            committed=self._committed(epochs, at),
        )

    def _epochs(self, at: BlockRef, questions: Questions) -> list[Epoch]:
        bounds = self._uints(
            {
                "first": (self._payouts, _FIRST_EPOCH, ()),
                "current": (self._clock, _EPOCH_AT, (at.timestamp,)),
            },
            at,
        )
        own = {Epoch(number) for number in range(bounds["first"], bounds["current"] + 2)}
        return sorted(own | questions.epochs)

    def _funded_assets(self, epochs: Sequence[Epoch], at: BlockRef) -> set[Address]:
        calls: list[_Call] = [(self._payouts, _ASSETS_OF, (epoch,)) for epoch in epochs]
        return {
            Address.from_hex(asset)
            for call, answer in zip(calls, self._answers(calls, at), strict=True)
            for asset in _decoded("address[]", answer, call, at)
        }

    def _committed(self, epochs: Sequence[Epoch], at: BlockRef) -> dict[Epoch, Committed]:
        calls: list[_Call] = [(self._payouts, EPOCH_OF, (epoch,)) for epoch in epochs]
        found: dict[Epoch, Committed] = {}
        for epoch, call, answer in zip(epochs, calls, self._answers(calls, at), strict=True):
            try:
                state = EpochState.from_answer(answer)
            except (DecodingError, ValueError) as error:
                raise BadAnswer(_spell(call), at.hash, answer.hex()) from error
            if state.status is not EpochStatus.NONE:
                found[epoch] = Committed(state.manifest_digest, state.root)
        return found

    def _views(
        self, view: Function, arguments: Mapping[_Key, tuple[object, ...]], at: BlockRef
    ) -> dict[_Key, int]:
        return self._uints(
            {key: (self._payouts, view, words) for key, words in arguments.items()}, at
        )

    def _uints(self, calls: Mapping[_Key, _Call], at: BlockRef) -> dict[_Key, int]:
        answers = self._answers(list(calls.values()), at)
        return {
            key: _decoded("uint256", answer, call, at)
            for (key, call), answer in zip(calls.items(), answers, strict=True)
        }

    def _answers(self, calls: Sequence[_Call], at: BlockRef) -> list[bytes]:
        """Return data of each call, in order."""
        answers: list[bytes] = []
        for start in range(0, len(calls), CALLS_MAX):
            part = calls[start : start + CALLS_MAX]
            try:
                replies = self._retrying(self._ask, part, at)
            except _NoAnswer as error:
                raise ChainUnavailable(self._host, str(error)) from error
            answers.extend(
                _return_data(reply, call, at) for reply, call in zip(replies, part, strict=True)
            )
        return answers

    def _ask(self, calls: Sequence[_Call], at: BlockRef) -> list[object]:
        block = {"blockHash": str(at.hash), "requireCanonical": True}
        requests = [
            (
                RPCEndpoint("eth_call"),
                [{"to": str(to), "data": "0x" + function.encode(*words).hex()}, block],
            )
            for to, function, words in calls
        ]
        try:
            replies: Any = self._provider.make_batch_request(requests)
        except (RequestException, ValueError) as error:
            raise _NoAnswer(type(error).__name__) from error
        if not isinstance(replies, list) or len(replies) != len(calls):
            raise _NoAnswer(f"{len(calls)} calls were not answered as a batch")
        for reply in replies:
            if not isinstance(reply, dict) or "result" not in reply:
                raise _NoAnswer(f"block {at.number} {at.hash}: {_error_message(reply)}")
        return [reply["result"] for reply in replies]


def _return_data(reply: object, call: _Call, at: BlockRef) -> bytes:
    if not isinstance(reply, str):
        raise BadAnswer(_spell(call), at.hash, reply)
    try:
        return bytes_from_hex(reply)
    except ValueError as error:
        raise BadAnswer(_spell(call), at.hash, reply) from error


def _decoded(abi_type: str, answer: bytes, call: _Call, at: BlockRef) -> Any:  # noqa: ANN401
    try:
        (value,) = decode((abi_type,), answer)
    except DecodingError as error:
        raise BadAnswer(_spell(call), at.hash, "0x" + answer.hex()) from error
    return value


def _error_message(reply: object) -> str:
    error = reply.get("error") if isinstance(reply, dict) else None
    return str(error.get("message"))[:200] if isinstance(error, dict) else "no result"


def _spell(call: _Call) -> str:
    return f"{call[0]}.{call[1].signature}"


def _pairs(pairs: Sequence[EpochAsset]) -> dict[EpochAsset, tuple[object, ...]]:
    return {(epoch, asset): (epoch, bytes(asset)) for epoch, asset in pairs}


def _leaves(leaves: Sequence[LeafKey]) -> dict[LeafKey, tuple[object, ...]]:
    return {
        leaf: (leaf.epoch, bytes(leaf.work_id), leaf.part, bytes(leaf.asset)) for leaf in leaves
    }
