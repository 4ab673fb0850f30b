"""Proofs of state from one node, by `eth_getProof`."""

from collections.abc import Callable

from contracts.evm import Address, BlockRef, Hash32, bytes_from_hex
from settlement.node_answers import reading
from settlement.payouts.adapters.endpoint import Endpoint
from settlement.payouts.prove import SlotProof

_METHOD = "eth_getProof"


class NodeState:
    """`StateSource` over one JSON-RPC endpoint.

    The block is named by number, which every node understands; which block's state was answered for
    is seen in the proof itself. `told` is how the node's words are repeated.
    """

    def __init__(self, url: str, *, timeout_s: int, told: Callable[[str], str]) -> None:
        self._endpoint = Endpoint(url, timeout_s=timeout_s, told=told)

    def slot_proof(self, contract: Address, slot: Hash32, at: BlockRef, /) -> SlotProof:
        """The way from the state root to a slot."""
        answer = self._endpoint.read(_METHOD, [str(contract), [str(slot)], hex(at.number)])
        with reading(_METHOD):
            (storage,) = answer["storageProof"]
            return SlotProof(
                account_nodes=tuple(bytes_from_hex(node) for node in answer["accountProof"]),
                storage_nodes=tuple(bytes_from_hex(node) for node in storage["proof"]),
            )
