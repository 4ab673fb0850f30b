"""Gates at the composition root: who reads balances, and what a new gate is checked for."""

from collections.abc import Sequence

from contracts.addresses import Settlement
from contracts.evm import Address, ChainId, Hash32
from indexer.adapters.balance_calls import BalanceCalls
from indexer.adapters.json_rpc import JSONRPC, RPCLimits
from indexer.adapters.rpc import RPCReader
from scripts.settings import ChainSettings, Settings
from settlement.payments.errors import BadGate
from settlement.payments.gates import Gate, GateKind

_LIMITS = RPCLimits(timeout_s=4, calls_max=100, answer_bytes_max=1024 * 1024)


def balance_source(settings: Settings) -> "BalancesOfChains":
    """Balances from the endpoints of every configured chain."""
    return BalancesOfChains({chain.id: balance_calls(chain) for chain in settings.chains})


def balance_calls(chain: ChainSettings) -> BalanceCalls:
    """Balances from the endpoints of one chain, in the order in which they are configured."""
    return BalanceCalls([JSONRPC(url, _LIMITS) for url in chain.rpc])


class BalancesOfChains:
    """`api.entitlements.BalanceSource`: each question goes to its chain."""

    def __init__(self, chains: dict[ChainId, BalanceCalls]) -> None:
        self._chains = chains

    def __call__(
        self, chain_id: ChainId, wallet: Address, tokens: Sequence[Address], block_hash: Hash32
    ) -> Sequence[int | None]:
        """What a wallet holds of tokens at a block."""
        return self._chains[chain_id].balances(wallet, tokens, block_hash)


def check_gate(chain: ChainSettings, settlement: Settlement, gate: Gate) -> None:
    """Ask the chain once what the gate will ask it.

    Raises:
        BadGate: the token's contract tells no balance.
        IndexerError: the chain cannot be asked.
    """
    rpc = JSONRPC(chain.rpc[0], _LIMITS)
    head = RPCReader(rpc).head()
    # The settlement's own contract is an address that every token has to have a balance of.
    (found,) = balance_calls(chain).balances(settlement.payouts, [gate.token], head.hash)
    rpc.close()
    if found is None and gate.kind is not GateKind.NATIVE:
        raise BadGate("token", gate.token, f"a contract on chain {chain.id} that tells balances")
