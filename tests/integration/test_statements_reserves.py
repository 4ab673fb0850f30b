"""`reconciliation.adapters.reserves` on a real node: what was held follows from the state root."""

from contracts.evm import Address, BlockNumber, BlockRef, ChainId, Epoch, Hash32, Timestamp
from reconciliation.adapters.client import RPCClient
from reconciliation.adapters.reserves import NodeReserves
from reconciliation.adapters.state_proofs import ProvenReadings
from reconciliation.solvency import Subject
from scripts.embedded.anvil import AnvilNode

FUNDED = Address.from_hex("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266")
"""The first account of every development chain."""

HOLDER = Address(b"\x42" * 20)


def block_of(client: RPCClient, number: int) -> BlockRef:
    answer = client.call("eth_getBlockByNumber", hex(number), False)
    return BlockRef(
        number=BlockNumber(number),
        hash=Hash32.from_hex(answer["hash"]),
        parent_hash=Hash32.from_hex(answer["parentHash"]),
        timestamp=Timestamp(int(answer["timestamp"], 16)),
    )


def test_reserve__coins_at_a_past_block__proven(anvil: AnvilNode) -> None:
    client = RPCClient(anvil.url, timeout_s=10)
    for value in (40, 2):
        paid = {"from": str(FUNDED), "to": str(HOLDER), "value": hex(value)}
        client.call("eth_sendTransaction", paid)
        client.call("anvil_mine", "0x1")
    reserves = NodeReserves(ProvenReadings(client))

    def at(number: int) -> Subject:
        return Subject(
            chain_id=ChainId(31337),
            contract=HOLDER,
            epoch=Epoch(0),
            asset=Address(bytes(20)),
            block=block_of(client, number),
        )

    numbers = range(int(client.call("eth_blockNumber"), 16) + 1)
    readings = [reserves.reserve(at(number)) for number in numbers]

    assert all(one is not None and one.is_proven for one in readings)
    values = [one.value for one in readings if one is not None]
    assert values == sorted(values)
    assert {0, 40, 42} == set(values)
