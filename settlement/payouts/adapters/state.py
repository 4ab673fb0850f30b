"""Proofs of state from one node, by `eth_getProof`."""

from typing import Any

from requests import RequestException
from web3 import HTTPProvider
from web3.exceptions import Web3Exception
from web3.types import RPCEndpoint

from contracts.evm import Address, BlockRef, Hash32, bytes_from_hex
from settlement.errors import ChainUnavailable
from settlement.payouts.prove import SlotProof

_METHOD = RPCEndpoint("eth_getProof")


class NodeState:
    """`StateSource` over one JSON-RPC endpoint.

    The block is named by number, which every node understands; which block's state was answered for
    is seen in the proof itself.
    """

    def __init__(self, url: str, *, timeout_s: int) -> None:
        self._provider = HTTPProvider(url, request_kwargs={"timeout": timeout_s})

    def slot_proof(self, contract: Address, slot: Hash32, at: BlockRef, /) -> SlotProof:
        """The way from the state root to a slot."""
        parameters = [str(contract), [str(slot)], hex(at.number)]
        try:
            answer: Any = self._provider.make_request(_METHOD, parameters)
        except (RequestException, Web3Exception) as error:
            # Only the kind: the message of a transport error may hold the URL with its key.
            raise ChainUnavailable(_METHOD, type(error).__name__) from error
        if "result" not in answer:
            raise ChainUnavailable(_METHOD, str(answer.get("error")))
        (storage,) = answer["result"]["storageProof"]
        return SlotProof(
            account_nodes=tuple(bytes_from_hex(node) for node in answer["result"]["accountProof"]),
            storage_nodes=tuple(bytes_from_hex(node) for node in storage["proof"]),
        )
