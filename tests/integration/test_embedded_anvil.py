import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.embedded.anvil import AnvilNode, DevChain, running_anvil
from scripts.embedded.places import scratch_directory
from scripts.errors import ServerFailed

GENESIS = 1_700_000_000


@pytest.fixture
def scratch() -> Iterator[Path]:
    with scratch_directory() as directory:
        yield directory


def call(node: AnvilNode, method: str, *params: object) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=60)
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    connection.request("POST", "/", body, {"Content-Type": "application/json"})
    answer = json.load(connection.getresponse())
    connection.close()
    assert "error" not in answer, answer
    return answer["result"]


def block(node: AnvilNode, name: str) -> dict[str, Any]:
    found: dict[str, Any] = call(node, "eth_getBlockByNumber", name, False)
    return found


def test_anvil__parameters__reach_the_chain(scratch: Path) -> None:
    chain = DevChain(
        chain_id=4242,
        slots_in_an_epoch=2,
        mnemonic="legal winner thank year wave sausage worth useful legal winner thank yellow",
        accounts=3,
        balance_ether=7,
        block_gas_limit=60_000_000,
        timestamp=GENESIS,
    )

    with running_anvil(scratch / "anvil", chain) as node:
        call(node, "anvil_mine", hex(9))
        accounts = call(node, "eth_accounts")
        balance = int(call(node, "eth_getBalance", accounts[0], "latest"), 16)
        genesis, head = block(node, "0x0"), block(node, "latest")
        finalized = int(block(node, "finalized")["number"], 16)
        chain_id = int(call(node, "eth_chainId"), 16)

    assert chain_id == 4242
    assert len(accounts) == 3
    assert accounts[0] == "0x58a57ed9d8d624cbd12e2c467d34787555bb1b25"
    assert balance == 7 * 10**18
    assert int(head["gasLimit"], 16) == 60_000_000
    assert int(genesis["timestamp"], 16) == GENESIS
    assert finalized == int(head["number"], 16) - 2 * 2


def test_anvil__two_at_once__ports_of_their_own(scratch: Path) -> None:
    with (
        running_anvil(scratch / "one", DevChain(chain_id=1, slots_in_an_epoch=1)) as one,
        running_anvil(scratch / "two", DevChain(chain_id=2, slots_in_an_epoch=1)) as two,
    ):
        ids = [int(call(node, "eth_chainId"), 16) for node in (one, two)]

    assert ids == [1, 2]
    assert one.url != two.url


def test_anvil__without_state_file__starts_anew(scratch: Path) -> None:
    chain = DevChain(chain_id=1, slots_in_an_epoch=1)
    with running_anvil(scratch / "anvil", chain) as node:
        call(node, "anvil_mine", hex(3))

    with running_anvil(scratch / "anvil", chain) as node:
        assert block(node, "latest")["number"] == "0x0"


@pytest.mark.parametrize("timestamp", [GENESIS, None])
def test_anvil__state_file__same_chain_and_time_goes_on(
    scratch: Path, timestamp: int | None
) -> None:
    chain = DevChain(
        chain_id=1, slots_in_an_epoch=1, timestamp=timestamp, state_file=scratch / "state.json"
    )
    with running_anvil(scratch / "anvil", chain) as node:
        call(node, "evm_increaseTime", 100_000)
        call(node, "anvil_mine", hex(3))
        before = [block(node, hex(number))["hash"] for number in range(4)]
        last = int(block(node, "latest")["timestamp"], 16)

    for _ in range(2):
        with running_anvil(scratch / "anvil", chain) as node:
            after = [block(node, hex(number))["hash"] for number in range(4)]
            past_balance = call(node, "eth_getBalance", "0x" + "00" * 20, {"blockHash": before[1]})
            call(node, "anvil_mine", hex(1))
            head = block(node, "latest")

        assert after == before
        assert past_balance == "0x0"
        assert last < int(head["timestamp"], 16) < last + 60
        last = int(head["timestamp"], 16)


def test_anvil__real_clock__caught_up_after_a_pause(scratch: Path) -> None:
    chain = DevChain(chain_id=1, slots_in_an_epoch=1, state_file=scratch / "state.json")
    with running_anvil(scratch / "anvil", chain):
        pass
    started = int((scratch / "state.json.genesis").read_text())

    time.sleep(2.1)
    with running_anvil(scratch / "anvil", chain) as node:
        call(node, "anvil_mine", hex(1))
        head = int(block(node, "latest")["timestamp"], 16)
        log = (scratch / "anvil" / "anvil.log").read_text()

    assert head >= started + 2
    # Not now: anvil would have two genesis blocks and answer with either.
    assert f"Genesis Timestamp\n==================\n\n{started}\n" in log


def test_anvil__refuses_its_parameters__end_of_log_shown(scratch: Path) -> None:
    chain = DevChain(chain_id=1, slots_in_an_epoch=1, mnemonic="not a mnemonic")

    with (
        pytest.raises(ServerFailed, match="anvil ended with code"),
        running_anvil(scratch / "anvil", chain),
    ):
        pass
