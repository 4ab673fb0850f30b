"""Balances proven from the state root of a header, where a node gives the proof.

    block hash ─► header (hashed here) ─► state root ─► account ─► storage root ─► balance slot

Coins and nonces stand in the account itself. Where a token keeps `balanceOf` no standard says: the
usual places are tried, and the one that proves exactly what the token answers is kept. A balance of
zero proves no place by itself; then another holder's has to, or the reading stays stated.

Source: EIP-1186; Solidity's layout of mappings; ERC-7201 for OpenZeppelin's upgradeable tokens.
"""

from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from contracts.calls import Function
from contracts.evm import ZERO_ADDRESS, Address, BlockRef, Hash32, bytes_from_hex
from contracts.state_proof import (
    AccountState,
    BadStateProof,
    account_at,
    mapping_slot,
    storage_word,
)
from indexer.adapters.rpc_answers import header_from_answer
from indexer.chain import verified
from indexer.errors import IndexerError
from reconciliation.adapters.client import Refused, RPCClient, pinned
from reconciliation.errors import ChainUnavailable
from reconciliation.reading import Reading

BALANCE_OF = Function("balanceOf", ("address",))
_ERC7201_ERC20 = 0x52C63247E1F47DB19D5CE0460030C497F067CA4CEBF71BA98EEADABE20BACE00
_POSITIONS = (*range(12), 51, 101, _ERC7201_ERC20)
"""Where tokens keep the mapping of balances: plain, behind gaps of upgradeable bases, ERC-7201."""

_REVERTED = "revert"
"""In what nodes say of a call that the contract itself refused; in lower case."""


@dataclass(frozen=True, slots=True)
class _Proof:
    account: AccountState
    storage: dict[Hash32, tuple[bytes, ...]]


class ProvenReadings:
    """Balances of one endpoint."""

    def __init__(self, client: RPCClient) -> None:
        self._client = client
        self._positions: dict[Address, int] = {}
        self._roots: dict[Hash32, Hash32 | None] = {}

    def balance(self, asset: Address, holder: Address, at: BlockRef) -> Reading:
        """Units of an asset (zero: coins) that somebody holds at a block.

        What a token does not answer counts as nothing, and the evidence says so: whoever owes it
        cannot show that it is there, and a broken token must not hide what is wrong in others.

        Raises:
            ChainUnavailable: no answer, or none for this block.
        """
        if asset == ZERO_ADDRESS:
            return self.account(holder, at)[0]
        return self._token_balance(asset, holder, at)

    def account(self, holder: Address, at: BlockRef) -> tuple[Reading, Reading]:
        """Coins and nonce of an account."""
        proof = self._proof(holder, (), at)
        if proof is not None:
            found, said = proof.account, f"account {holder} under the state root of block {at.hash}"
            return (
                Reading(value=found.balance_wei, is_proven=True, evidence=said),
                Reading(value=found.nonce, is_proven=True, evidence=said),
            )
        block = hex(at.number)
        balance, count = self._client.batch(
            [
                ("eth_getBalance", (str(holder), block)),
                ("eth_getTransactionCount", (str(holder), block)),
            ]
        )
        return (
            Reading(value=int(balance, 16), is_proven=False, evidence=f"eth_getBalance({holder})"),
            Reading(
                value=int(count, 16), is_proven=False, evidence=f"eth_getTransactionCount({holder})"
            ),
        )

    def stated(self, asset: Address, holder: Address, at: BlockRef) -> int:
        """The balance as the node answers it; zero where the token does not."""
        if asset == ZERO_ADDRESS:
            return int(self._client.call("eth_getBalance", str(holder), hex(at.number)), 16)
        return self._asked(asset, holder, at)[0]

    def _token_balance(self, asset: Address, holder: Address, at: BlockRef) -> Reading:
        units, said = self._asked(asset, holder, at)
        known = self._positions.get(asset)
        positions = _POSITIONS if known is None else (known,)
        slots = {position: mapping_slot(bytes(holder), position) for position in positions}
        proof = (
            self._proof(asset, tuple(slots.values()), at) if units or known is not None else None
        )
        for position, slot in slots.items() if proof else ():
            word = self._word(proof, slot)
            if word == units:
                self._positions[asset] = position
                said = f"slot {slot} of {asset} under the state root of block {at.hash}"
                return Reading(value=units, is_proven=True, evidence=said)
        return Reading(value=units, is_proven=False, evidence=said)

    def _asked(self, asset: Address, holder: Address, at: BlockRef) -> tuple[int, str]:
        """What a token answers, and how that is told."""
        question = f"{asset}.balanceOf({holder})"
        data = "0x" + BALANCE_OF.encode(bytes(holder)).hex()
        call = ("eth_call", ({"to": str(asset), "data": data}, pinned(at)))
        (answer,) = self._client.tried([call])
        if isinstance(answer, Refused):
            if _REVERTED not in answer.message.lower():
                raise ChainUnavailable(self._client.host, f"eth_call: {answer.message}")
            return 0, f"{question} does not answer: {answer.message}"
        try:
            (units,) = decode(("uint256",), bytes_from_hex(answer))
        except (DecodingError, ValueError):
            return 0, f"{question} does not answer an amount: {answer}"
        return int(units), question

    def _word(self, proof: _Proof | None, slot: Hash32) -> int | None:
        if proof is None:
            return None
        try:
            return storage_word(proof.account.storage_root, slot, proof.storage[slot])
        except (BadStateProof, KeyError):
            return None

    def _proof(self, holder: Address, slots: tuple[Hash32, ...], at: BlockRef) -> _Proof | None:
        """An account that the state root binds, with the nodes of some of its slots.

        None where the node gives no proof, or one that does not lead there.
        """
        root = self._state_root(at)
        if root is None:
            return None
        question = (str(holder), [str(slot) for slot in slots], hex(at.number))
        (answer,) = self._client.tried([("eth_getProof", question)])
        if isinstance(answer, Refused) or not isinstance(answer, dict):
            return None
        try:
            nodes = tuple(map(bytes_from_hex, answer["accountProof"]))
            storage = {
                slot: tuple(map(bytes_from_hex, each["proof"]))
                for slot, each in zip(slots, answer["storageProof"], strict=True)
            }
            return _Proof(account_at(root, holder, nodes), storage)
        except (BadStateProof, KeyError, TypeError, ValueError):
            return None

    def _state_root(self, at: BlockRef) -> Hash32 | None:
        """The state root of a header that hashes to the block's hash; None if it does not."""
        if at.hash not in self._roots:
            raw: Any = self._client.call("eth_getBlockByHash", str(at.hash), False)
            if raw is None:
                raise ChainUnavailable(self._client.host, f"no block {at.hash}")
            try:
                header = verified(header_from_answer(raw))
            except (IndexerError, ValueError):
                self._roots[at.hash] = None
            else:
                self._roots[at.hash] = header.state_root if header.hash == at.hash else None
        return self._roots[at.hash]
