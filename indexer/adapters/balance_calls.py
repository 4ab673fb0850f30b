"""What a wallet holds of tokens at the end of one block, as nodes of the chain answer.

The block is named by its hash, so that the answer is about the very block that we hold: a node that
has replaced it refuses. The first endpoint that answers is believed; a gate lets somebody see
something, it moves no money.

Source: EIP-20, EIP-721 (`balanceOf`); EIP-1898 (a block by its hash).
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from contracts.evm import ZERO_ADDRESS, Address, Hash32, keccak
from indexer.adapters.json_rpc import JSONRPC, Call
from indexer.errors import IndexerError, RPCFailed

_BALANCE_OF: Final = bytes(keccak(b"balanceOf(address)"))[:4]
_WORD: Final = re.compile(r"0x[0-9a-fA-F]{64}", re.ASCII)
_QUANTITY: Final = re.compile(r"0x[0-9a-fA-F]{1,64}", re.ASCII)


class BalanceCalls:
    """Balances from the endpoints of one chain, in their order of preference."""

    def __init__(self, endpoints: Sequence[JSONRPC]) -> None:
        self._endpoints = tuple(endpoints)

    def balances(
        self, wallet: Address, tokens: Sequence[Address], block_hash: Hash32
    ) -> list[int | None]:
        """The balance of each token; the zero address is the native coin.

        None where the token's contract, or what stands at its address, gives none.

        Raises:
            IndexerError: no endpoint answered; it is what the last one said.
        """
        calls = [_call(wallet, token, block_hash) for token in tokens]
        for endpoint in self._endpoints[:-1]:
            with suppress(IndexerError):
                found = _numbers(endpoint, calls)
                if None not in found:
                    return found
        return _numbers(self._endpoints[-1], calls)

    def close(self) -> None:
        """Close the connections."""
        for endpoint in self._endpoints:
            endpoint.close()


def _call(wallet: Address, token: Address, block_hash: Hash32) -> Call:
    block = {"blockHash": str(block_hash), "requireCanonical": True}
    if token == ZERO_ADDRESS:
        return Call("eth_getBalance", ("0x" + wallet.hex(), block))
    data = _BALANCE_OF + wallet.rjust(32, b"\0")
    return Call("eth_call", ({"to": "0x" + token.hex(), "data": "0x" + data.hex()}, block))


def _numbers(endpoint: JSONRPC, calls: Sequence[Call]) -> list[int | None]:
    answers = endpoint.answers(calls)
    for answer in answers:
        # A contract that reverts is an answer; a node that lacks the block gives none at all.
        if isinstance(answer, RPCFailed) and "revert" not in answer.message.lower():
            raise answer
    return [_number(call, answer) for call, answer in zip(calls, answers, strict=True)]


def _number(call: Call, answer: object) -> int | None:
    """A quantity, or the one word that `balanceOf` returns; where no contract is, that is 0x."""
    text = answer if isinstance(answer, str) else ""
    pattern = _QUANTITY if call.method == "eth_getBalance" else _WORD
    return int(text, 16) if pattern.fullmatch(text) else None
