"""An embedded dev chain for one process: Foundry's anvil on a free port of 127.0.0.1.

Its accounts and keys come from a mnemonic that everybody knows: nothing here is worth anything.
anvil prints those keys and every call to its log, which only the owner may read.

A chain with a state file goes on where it stopped. Left alone, anvil would then build a genesis
block of the present time beside the old one and answer with either, and would let the clock jump
back below the last block. So the genesis timestamp is kept in a file beside the state, and the
clock is set forward.

Warning: `finalized` trails the head by two times `slots_in_an_epoch` blocks, but `anvil_reorg`
passes below it without a word. The state is written on an orderly stop only. It holds the states of
past blocks, since reads are pinned to a block: about the size of all contract code for each block.
"""

import http.client
import json
import platform
import re
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.embedded.launch import Program, kept
from scripts.embedded.ownership import sole_owner
from scripts.errors import DirectoryUnusable, ProgramMissing

HOST = "127.0.0.1"
REPOSITORY = Path(__file__).resolve().parents[2]
PUBLIC_MNEMONIC = "test test test test test test test test test test test junk"
READY_LIMIT_S = 120
CALL_LIMIT_S = 30.0
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
LISTENING = re.compile(rf"^Listening on {re.escape(HOST)}:(\d+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class DevChain:
    """The parameters of a dev chain.

    `timestamp` is the genesis block's; with None the chain starts now and follows the real clock,
    as far as that does not take it back. With a `state_file` the chain continues from it, if it
    exists, and is written back at the end.
    """

    chain_id: int
    slots_in_an_epoch: int
    mnemonic: str = PUBLIC_MNEMONIC
    accounts: int = 10
    balance_ether: int = 10_000
    block_gas_limit: int = 30_000_000
    timestamp: int | None = None
    state_file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnvilNode:
    """A dev chain that answers."""

    port: int

    @property
    def url(self) -> str:
        """Its JSON-RPC address."""
        return f"http://{HOST}:{self.port}"


@contextmanager
def running_anvil(directory: Path, chain: DevChain) -> Iterator[AnvilNode]:
    """Run a dev chain while the context lasts; `directory` holds its lock, cache and log.

    Raises:
        DirectoryInUse: Another process owns the directory.
        DirectoryUnusable: The directory cannot be made.
        ProgramMissing: anvil is not installed.
        ServerFailed: anvil did not start; the message has its last log lines.
    """
    binary = anvil_binary(REPOSITORY)
    with sole_owner(directory, None) as place:
        genesis = _genesis_timestamp(chain)
        resumed = chain.state_file is not None and chain.state_file.exists()
        command = (str(binary), *_options(chain, genesis, place.path))
        program = Program(name="anvil", command=command, stop_signal=signal.SIGTERM)
        with kept(program, place) as server:
            port = server.wait_for(
                lambda: _answering_port(server.log_file, chain.chain_id), limit_s=READY_LIMIT_S
            )
            if resumed:
                _set_clock_forward(port, 0 if chain.timestamp is not None else int(time.time()))
            yield AnvilNode(port=port)


def anvil_binary(repository: Path) -> Path:
    """The program from `node_modules`, else from the search path.

    Raises:
        ProgramMissing: It is in neither place.
    """
    machine = MACHINES.get(platform.machine(), platform.machine())
    package = f"anvil-{platform.system().lower()}-{machine}"
    installed = repository / "node_modules" / "@foundry-rs" / package / "bin" / "anvil"
    if installed.is_file():
        return installed
    if found := shutil.which("anvil"):
        return Path(found)
    raise ProgramMissing("anvil", "run scripts/setup.sh")


def _genesis_timestamp(chain: DevChain) -> int:
    """The timestamp of the genesis block: the recorded one if the chain has a past."""
    wanted = int(time.time()) if chain.timestamp is None else chain.timestamp
    if chain.state_file is None:
        return wanted
    record = chain.state_file.with_name(chain.state_file.name + ".genesis")
    if not chain.state_file.exists():
        record.write_text(str(wanted))
        return wanted
    try:
        return int(record.read_text())
    except (FileNotFoundError, ValueError) as error:
        raise DirectoryUnusable(chain.state_file, f"{record} has no timestamp") from error


def _options(chain: DevChain, genesis_timestamp: int, directory: Path) -> list[str]:
    options = {
        "--host": HOST,
        "--port": "0",  # a free one, which anvil prints
        "--chain-id": str(chain.chain_id),
        "--slots-in-an-epoch": str(chain.slots_in_an_epoch),
        "--mnemonic": chain.mnemonic,
        "--accounts": str(chain.accounts),
        "--balance": str(chain.balance_ether),
        "--gas-limit": str(chain.block_gas_limit),
        "--timestamp": str(genesis_timestamp),
        "--cache-path": str(directory / "cache"),
    }
    words = [word for option in options.items() for word in option]
    if chain.state_file is None:
        return words
    return [*words, "--state", str(chain.state_file.absolute()), "--preserve-historical-states"]


def _answering_port(log_file: Path, chain_id: int) -> int | None:
    """The port that the log names, once the node there says that it is this chain."""
    listening = LISTENING.search(log_file.read_text(errors="replace"))
    if listening is None:
        return None
    port = int(listening[1])
    try:
        return port if _call(port, "eth_chainId").get("result") == hex(chain_id) else None
    except OSError:
        return None


def _set_clock_forward(port: int, earliest: int) -> None:
    """Let the chain's time go on from `earliest`, but never at or before its last block."""
    latest = _call(port, "eth_getBlockByNumber", "latest", False)["result"]
    _call(port, "evm_setTime", max(earliest, int(latest["timestamp"], 16) + 1))


def _call(port: int, method: str, *params: str | int) -> dict[str, Any]:
    """The answer to one JSON-RPC call."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    connection = http.client.HTTPConnection(HOST, port, timeout=CALL_LIMIT_S)
    try:
        connection.request("POST", "/", body, {"Content-Type": "application/json"})
        answer: dict[str, Any] = json.load(connection.getresponse())
        return answer
    finally:
        connection.close()
