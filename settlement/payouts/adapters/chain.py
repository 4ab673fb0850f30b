"""One node as the submitter sees it, for all contracts that one key pays from.

Reads are pinned by block hash (EIP-1898, `requireCanonical`), so a node that lacks the block fails
instead of answering for another one.
"""

from collections.abc import Callable, Collection, Mapping, Sequence

from contracts.calls import PAUSED, Function, SkipReason, is_held_call
from contracts.evm import (
    ZERO_ADDRESS,
    Address,
    BlockNumber,
    BlockRef,
    ChainId,
    Hash32,
    Timestamp,
)
from settlement.errors import ChainUnavailable
from settlement.node_answers import quantity, reading
from settlement.payouts.adapters.answers import (
    balance_of,
    held_payees,
    objection_of,
    receipt_of,
    usage_call,
    usage_of,
)
from settlement.payouts.adapters.endpoint import Endpoint, Json, pinned
from settlement.payouts.broadcast import SendResult
from settlement.payouts.errors import NoBaseFee, OtherChain
from settlement.payouts.gas import FeeQuote
from settlement.payouts.operation import Kind, LineSubject, Operation
from settlement.payouts.view import Backing, Fund, Objection, Receipt, Usage

OP_STACK_ORACLE = Address.from_hex("0x420000000000000000000000000000000000000F")
"""GasPriceOracle, at the same place on every OP-stack chain."""

BALANCE_OF = Function("balanceOf", ("address",))
ACCOUNTED = Function("accounted", ("address",))
UNCLAIMED_TOTAL = Function("unclaimedTotal", ("address",))
OWED = Function("owed", ())
FEES = Function("fees", ())
GET_L1_FEE = Function("getL1Fee", ("bytes",))

_ENVELOPE = b"\xff" * 200
"""More than what a transaction has besides its calldata, of the dearest kind of byte."""

_SETTLED = Objection(SkipReason.SETTLED, SkipReason.SETTLED.name.lower())
_PAYEE_HELD = Objection(SkipReason.PAYEE_HELD, SkipReason.PAYEE_HELD.name.lower())


class NodePayoutChain:
    """`PayoutChain` over one JSON-RPC endpoint.

    `contracts` are those whose events are read. `data_fee_oracle` is the GasPriceOracle of an
    OP-stack chain; without it nothing but gas costs. `told` is how the node's words are repeated.
    """

    def __init__(
        self,
        url: str,
        chain_id: ChainId,
        contracts: Collection[Address],
        *,
        timeout_s: int,
        data_fee_oracle: Address | None = None,
        told: Callable[[str], str],
    ) -> None:
        self._chain_id, self._contracts = chain_id, frozenset(contracts)
        self._data_fee_oracle = data_fee_oracle
        self._endpoint = Endpoint(url, timeout_s=timeout_s, told=told)

    def head(self) -> BlockRef:
        """The newest block of the node.

        Raises:
            OtherChain: the endpoint is of another chain.
        """
        block, chain_id = self._endpoint.read_many(
            [("eth_getBlockByNumber", ["latest", False]), ("eth_chainId", [])]
        )
        with reading("eth_getBlockByNumber"):
            actual = quantity(chain_id)
            head = BlockRef(
                number=BlockNumber(quantity(block["number"])),
                hash=Hash32.from_hex(block["hash"]),
                parent_hash=Hash32.from_hex(block["parentHash"]),
                timestamp=Timestamp(quantity(block["timestamp"])),
            )
        if actual != self._chain_id:
            raise OtherChain(configured=self._chain_id, actual=actual)
        return head

    def paused(self, contracts: Collection[Address], at: BlockRef) -> frozenset[Address]:
        """Those of the contracts that are paused."""
        ordered = sorted(contracts)
        answers = self._endpoint.uints([(one, PAUSED.encode()) for one in ordered], at)
        return frozenset(one for one, answer in zip(ordered, answers, strict=True) if answer)

    def nonce_count(self, sender: Address, at: BlockRef) -> int:
        """Transactions of `sender` up to the block."""
        return self._endpoint.quantity("eth_getTransactionCount", [str(sender), pinned(at)])

    def pending_count(self, sender: Address) -> int:
        """Transactions of `sender` up to the head, and on with what waits in the node's pool."""
        return self._endpoint.quantity("eth_getTransactionCount", [str(sender), "pending"])

    def usages(self, operations: Sequence[Operation], at: BlockRef) -> list[Usage]:
        """What its contract says of each operation, in order.

        Raises:
            UnknownLines: more lines of a leaf are settled than it has.
        """
        wanted = [usage_call(operation) for operation in operations]
        distinct = list(dict.fromkeys(wanted))
        answers = dict(zip(distinct, self._endpoint.views(distinct, at), strict=True))
        with reading("eth_call"):
            return [
                usage_of(operation, answers[call])
                for operation, call in zip(operations, wanted, strict=True)
            ]

    def receipts(self, hashes: Sequence[Hash32]) -> Mapping[Hash32, Receipt]:
        """The receipts that the node shows now."""
        calls = [("eth_getTransactionReceipt", [str(one)]) for one in hashes]
        found = self._endpoint.read_many(calls)
        with reading("eth_getTransactionReceipt"):
            return {
                tx_hash: receipt_of(
                    receipt, tx_hash, chain_id=self._chain_id, contracts=self._contracts
                )
                for tx_hash, receipt in zip(hashes, found, strict=True)
                if receipt is not None
            }

    def known(self, hashes: Sequence[Hash32]) -> frozenset[Hash32]:
        """Those of `hashes` that the node has now, mined or waiting."""
        calls = [("eth_getTransactionByHash", [str(one)]) for one in hashes]
        pairs = zip(hashes, self._endpoint.read_many(calls), strict=True)
        return frozenset(tx_hash for tx_hash, transaction in pairs if transaction is not None)

    def objections(
        self, operations: Sequence[Operation], *, sender: Address, at: BlockRef
    ) -> list[Objection | None]:
        """Why each would not be paid after block `at`, in order; None where it would.

        A line that is settled, or whose payee is held, is skipped without a revert, so both are
        asked for beside the call.
        """
        responses = self._endpoint.responses(
            [
                ("eth_call", [_call(one.contract, one.call, sender), pinned(at)])
                for one in operations
            ]
        )
        skips = self._skips(operations, at)
        with reading("eth_call"):
            return [
                objection_of("eth_call", response) or skips.get(one.op_id)
                for one, response in zip(operations, responses, strict=True)
            ]

    def estimate_gas(
        self, contract: Address, call: bytes, *, sender: Address, at: BlockRef
    ) -> int | Objection:
        """Gas that the call needs after block `at`."""
        method = "eth_estimateGas"
        parameters = [_call(contract, call, sender), pinned(at)]
        response = self._endpoint.response(method, parameters)
        with reading(method):
            return objection_of(method, response) or quantity(response["result"])

    def fees(self, at: BlockRef) -> FeeQuote:
        """Base fee of the block, and the tip that the node suggests.

        A node that knows no suggestion for tips suggests what its gas price is above the base fee.

        Raises:
            NoBaseFee: the chain has none.
        """
        block = self._endpoint.read("eth_getBlockByHash", [str(at.hash), False])
        if block is None:
            raise ChainUnavailable("eth_getBlockByHash", f"no block {at.hash}")
        with reading("eth_getBlockByHash"):
            if block.get("baseFeePerGas") is None:
                raise NoBaseFee(at.hash)
            base_fee_wei = quantity(block["baseFeePerGas"])
        suggested = self._endpoint.response("eth_maxPriorityFeePerGas", [])
        if "result" in suggested:
            with reading("eth_maxPriorityFeePerGas"):
                return FeeQuote(base_fee_wei=base_fee_wei, tip_wei=quantity(suggested["result"]))
        price_wei = self._endpoint.quantity("eth_gasPrice", [])
        return FeeQuote(base_fee_wei=base_fee_wei, tip_wei=max(price_wei - base_fee_wei, 0))

    def balance(self, sender: Address, at: BlockRef) -> int:
        """Money of `sender` for gas, in wei."""
        return self._endpoint.quantity("eth_getBalance", [str(sender), pinned(at)])

    def backing(self, funds: Sequence[Fund], at: BlockRef) -> list[Backing | Objection]:
        """What each contract holds of the asset, and how much of it is accounted for."""
        held = self._holdings(funds, at)
        claims = [(one, call) for one in funds for call in _claims(one)]
        answers = self._endpoint.uints([(one.contract, call) for one, call in claims], at)
        accounted = dict.fromkeys(funds, 0)
        for (one, _), answer in zip(claims, answers, strict=True):
            accounted[one] += answer
        return [
            amount if isinstance(amount, Objection) else Backing(amount, accounted[one])
            for one, amount in zip(funds, held, strict=True)
        ]

    def _holdings(self, funds: Sequence[Fund], at: BlockRef) -> list[int | Objection]:
        """Balances; of what is no token there is none, and that is no failure of the node."""
        tokens = [one for one in funds if one.asset != ZERO_ADDRESS]
        calls = [
            ("eth_call", [_view(one.asset, BALANCE_OF.encode(bytes(one.contract))), pinned(at)])
            for one in tokens
        ]
        responses = dict(zip(tokens, self._endpoint.responses(calls), strict=True))
        with reading("eth_call"):
            return [
                balance_of(one.asset, responses[one])
                if one in responses
                else self.balance(one.contract, at)
                for one in funds
            ]

    def data_fee(self, data: bytes, at: BlockRef) -> int:
        """Wei that an OP-stack chain takes for the data of a transaction; 0 elsewhere.

        Source: Optimism's GasPriceOracle, `getL1Fee`, which expects an unsigned transaction.
        """
        if self._data_fee_oracle is None:
            return 0
        call = GET_L1_FEE.encode(data + _ENVELOPE)
        return self._endpoint.uints([(self._data_fee_oracle, call)], at)[0]

    def send_raw(self, raw: bytes) -> SendResult:
        """Broadcast; no answer and every error are results."""
        return self._endpoint.send_raw(raw)

    def _skips(self, operations: Sequence[Operation], at: BlockRef) -> Mapping[Hash32, Objection]:
        """Lines that would be skipped, with the reason that the contract would give."""
        lines = [one for one in operations if isinstance(one.subject, LineSubject)]
        held = self._held(lines, at)
        skips = {one.op_id: _PAYEE_HELD for one in lines if _place(one) in held}
        for one, usage in zip(lines, self.usages(lines, at), strict=True):
            if usage is Usage.SETTLED:
                skips[one.op_id] = _SETTLED
        return skips

    def _held(
        self, operations: Sequence[Operation], at: BlockRef
    ) -> frozenset[tuple[Address, Address]]:
        places = sorted(set(held_payees(operations)))
        calls = [(contract, is_held_call(payee)) for contract, payee in places]
        answers = self._endpoint.uints(calls, at)
        return frozenset(place for place, held in zip(places, answers, strict=True) if held)


def _place(operation: Operation) -> tuple[Address, Address] | None:
    subject = operation.subject
    return (operation.contract, subject.payee) if isinstance(subject, LineSubject) else None


def _claims(fund: Fund) -> list[bytes]:
    """The views whose sum is somebody's already, of one kind of contract."""
    if fund.kind in (Kind.WITHDRAW, Kind.COMMIT):
        return [ACCOUNTED.encode(bytes(fund.asset))]
    unclaimed = UNCLAIMED_TOTAL.encode(bytes(fund.asset))
    return [unclaimed, OWED.encode(), FEES.encode()] if fund.kind is Kind.TIP else [unclaimed]


def _view(contract: Address, call: bytes) -> Json:
    return {"to": str(contract), "data": "0x" + call.hex()}


def _call(contract: Address, call: bytes, sender: Address) -> Json:
    return {"from": str(sender), "to": str(contract), "data": "0x" + call.hex()}
