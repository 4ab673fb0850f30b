"""A settlement as one endpoint shows it, at one block hash.

The reconciliation has its own client and may have its own endpoint: what the books are compared
with must not come through the indexer. Every `eth_call` names the block by hash (EIP-1898,
`requireCanonical`), so that an endpoint on another fork fails and never answers for another block.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, TypeVar

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from contracts.addresses import Settlement
from contracts.calls import EPOCH_OF, PAID_LINES, EpochState, EpochStatus, Function
from contracts.event_spec import ContractName
from contracts.evm import ZERO_ADDRESS, Address, BlockRef, Epoch, Hash32, bytes_from_hex
from indexer.chain_profiles import ChainProfile
from reconciliation.adapters.client import RPCClient, pinned
from reconciliation.adapters.logs import LogReader
from reconciliation.adapters.receipt_proofs import ReceiptProofs
from reconciliation.adapters.state_proofs import ProvenReadings
from reconciliation.adapters.wallet_history import WalletReader
from reconciliation.chain_events import TRANSFER_TOPIC, RawLog, topics_of, transfer_of
from reconciliation.checks import Flow
from reconciliation.errors import BadAnswer, ChainUnavailable
from reconciliation.movements import LeafPlace
from reconciliation.ports import LogChunk
from reconciliation.reading import Reading
from reconciliation.snapshot import ChainState, Committed, EpochAsset, Questions
from reconciliation.wallets import WalletHistory, WalletRecords

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
_ESCROW_EXPIRY = Function("escrowExpiry", ())

_TOGETHER_BLOCKS = 20_000
"""Blocks of which a contract's logs and the transfers to it are put in one order."""

_Key = TypeVar("_Key")
_Call = tuple[Address, Function, tuple[object, ...]]
"""Contract, function, arguments."""


class RPCChain:
    """One endpoint; serves `ports.Chain`."""

    def __init__(
        self,
        url: str,
        settlement: Settlement,
        *,
        timeout_s: int,
        finality_tag: str,
        finality_depth_blocks: int,
        profile: ChainProfile | None,
    ) -> None:
        self._client = RPCClient(url, timeout_s=timeout_s)
        self._logs = LogReader(self._client)
        self._readings = ProvenReadings(self._client)
        self._wallets = WalletReader(
            self._client,
            self._logs,
            self._readings,
            ReceiptProofs(self._client, profile),
            tokens=settlement.tokens,
        )
        self._payouts = settlement.payouts
        self._clock = settlement.contracts[ContractName.EPOCH_CLOCK]
        self._start = settlement.start_block
        self._tokens = settlement.tokens
        self._tag, self._depth = finality_tag, finality_depth_blocks

    @property
    def host(self) -> str:
        """Its name, without path and key."""
        return self._client.host

    def finalized(self) -> BlockRef:
        """The older of the tag's block and the one so deep below the head."""
        head = self._present("latest")
        deep = max(head.number - self._depth, 0)
        if self._tag != "none":
            deep = min(deep, self._present(self._tag).number)
        return self._present(hex(deep))

    def block(self, number: int) -> BlockRef | None:
        """The block of this height; None if there is none."""
        return self._client.block(hex(number))

    def hashes(self, numbers: Collection[int]) -> dict[int, Hash32]:
        """Hashes of blocks, as far as there are such blocks."""
        ordered = sorted(numbers)
        blocks = self._client.batch([("eth_getBlockByNumber", (hex(n), False)) for n in ordered])
        return {
            number: Hash32.from_hex(raw["hash"])
            for number, raw in zip(ordered, blocks, strict=True)
            if raw is not None
        }

    def money_logs(self, at: BlockRef) -> Iterator[LogChunk]:
        """All logs of the settlement's `EpochPayouts` up to a block."""
        topics = [[str(topic) for topic in topics_of((ContractName.EPOCH_PAYOUTS,))]]
        return self._logs.chunks((self._payouts,), topics, self._start, at)

    def payment_logs(
        self, name: ContractName, contract: Address, received: Sequence[Address], at: BlockRef
    ) -> Iterator[LogChunk]:
        """All logs of a payment contract up to a block, and transfers of these tokens to it."""
        topics = [[str(topic) for topic in topics_of((name,))]]
        if not received:
            yield from self._logs.chunks((contract,), topics, self._start, at)
            return
        into = [str(TRANSFER_TOPIC), None, _padded(contract)]
        end = at.number + 1
        for first in range(self._start, end, _TOGETHER_BLOCKS):
            last = min(first + _TOGETHER_BLOCKS, end)
            logs = list(chain.from_iterable(self._logs.ranges((contract,), topics, first, last)))
            raw = list(chain.from_iterable(self._logs.ranges(received, into, first, last)))
            yield LogChunk(
                logs=logs,
                transfers=[one for log in raw if (one := transfer_of(log)) is not None],
                times=self._logs.times((*logs, *raw)),
            )

    def reading(self, at: BlockRef, asset: Address, holder: Address) -> Reading:
        """Units of an asset (zero: coins) that somebody holds."""
        return self._readings.balance(asset, holder, at)

    def log_at(self, block_number: int, log_index: int) -> RawLog | None:
        """Whatever contract's log stands there."""
        for log in self._logs.of_block(block_number):
            if log.log_index == log_index:
                return log
        return None

    def balances(
        self, at: BlockRef, pairs: Collection[tuple[Address, Address]]
    ) -> dict[tuple[Address, Address], int]:
        """Balances by asset (zero: coins) and holder, as stated."""
        return {pair: self._readings.stated(*pair, at) for pair in pairs}

    def wallet(self, records: WalletRecords, at: BlockRef, *, proven_upto: int) -> WalletHistory:
        """What left a wallet; receipts of later blocks are proven, where the node proves them."""
        return self._wallets.history(records, self._start, at, proven_upto=proven_upto)

    def flows(
        self,
        contract: Address,
        at: BlockRef,
        assets: Collection[Address],
        explained: Mapping[tuple[bytes, bytes], int],
    ) -> list[Flow]:
        """Transactions whose token transfers to or from a contract differ from `explained`."""
        net: Counter[tuple[bytes, bytes]] = Counter()
        logs: dict[tuple[bytes, bytes], RawLog] = {}
        for log in self._transfer_logs(contract, at, sorted(set(assets) - {ZERO_ADDRESS})):
            transfer = transfer_of(log)
            if transfer is not None and transfer.source != transfer.target:
                key = (log.transaction_hash, log.address)
                into = transfer.target == contract
                net[key] += transfer.amount if into else -transfer.amount
                logs.setdefault(key, log)
        return [
            Flow(
                transaction_hash=Hash32(log.transaction_hash),
                block_number=log.block_number,
                block_hash=Hash32(log.block_hash),
                log_index=log.log_index,
                asset=Address(log.address),
                net=net[key] - explained.get(key, 0),
            )
            for key, log in sorted(logs.items(), key=lambda pair: pair[1])
            if net[key] != explained.get(key, 0)
        ]

    def state(self, at: BlockRef, questions: Questions) -> ChainState:
        """The contract's answers, and its balances, at this block hash.

        Epochs are those of the questions and all from the contract's first to the one after the
        block's own; assets are those of the questions and all that these epochs were funded in.
        What the contract holds is asked for coins and every configured token too: anybody can send
        it what it never accounts for.

        Raises:
            ChainUnavailable: no answer, or none for this block.
            BadAnswer: an answer that the interface rules out.
        """
        epochs = self._epochs(at, questions)
        assets = sorted(questions.assets | self._funded_assets(epochs, at))
        pairs: list[EpochAsset] = [(epoch, asset) for epoch in epochs for asset in assets]
        held = sorted({*assets, *self._tokens, ZERO_ADDRESS})
        by_asset: dict[Address, tuple[object, ...]] = {asset: (bytes(asset),) for asset in held}
        return ChainState(
            block=at,
            balances={asset: self._readings.balance(asset, self._payouts, at) for asset in held},
            accounted=self._views(_ACCOUNTED, by_asset, at),
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
            escrow_expiry_s=self._views(_ESCROW_EXPIRY, {"": ()}, at)[""],
        )

    def _present(self, name: str) -> BlockRef:
        block = self._client.block(name)
        if block is None:
            raise ChainUnavailable(self.host, f"no block {name}")
        return block

    def _transfer_logs(
        self, contract: Address, at: BlockRef, assets: Sequence[Address]
    ) -> Iterator[RawLog]:
        """Every transfer of these tokens to a contract or from it."""
        if not assets:
            return
        here = _padded(contract)
        for topics in ([str(TRANSFER_TOPIC), here], [str(TRANSFER_TOPIC), None, here]):
            for logs in self._logs.ranges(assets, topics, self._start, at.number + 1):
                yield from logs

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
        block = pinned(at)
        answers = self._client.batch(
            [
                ("eth_call", ({"to": str(to), "data": "0x" + view.encode(*words).hex()}, block))
                for to, view, words in calls
            ]
        )
        return [_return_data(answer, call, at) for answer, call in zip(answers, calls, strict=True)]


def _padded(address: Address) -> str:
    """An address as a topic."""
    return "0x" + address.rjust(32, b"\0").hex()


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


def _spell(call: _Call) -> str:
    return f"{call[0]}.{call[1].signature}"


def _pairs(pairs: Sequence[EpochAsset]) -> dict[EpochAsset, tuple[object, ...]]:
    return {(epoch, asset): (epoch, bytes(asset)) for epoch, asset in pairs}


def _leaves(leaves: Sequence[LeafPlace]) -> dict[LeafPlace, tuple[object, ...]]:
    return {
        leaf: (leaf.epoch, bytes(leaf.work_id), leaf.part, bytes(leaf.asset)) for leaf in leaves
    }
