"""A token on a real development chain: deployed, moved, and its chain reorganised."""

from eth_abi.abi import encode
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from contracts.abi import artifact
from contracts.event_spec import ContractName
from contracts.evm import Address, BlockNumber, ChainId, keccak
from indexer.adapters.endpoints import open_endpoints
from indexer.adapters.json_rpc import JSONRPC, RPCLimits
from indexer.chain_profiles import chain_profile_named
from indexer.fetch_range import RangesHere
from indexer.finality import FinalityRule, FinalityTag
from indexer.levels import Level
from indexer.opening import open_indexer
from indexer.plan import IndexedChain, SyncLimits
from indexer.ports import FactStore, RangeSource
from indexer.sync import Indexer

LIMITS = RPCLimits(timeout_s=10, calls_max=50, answer_bytes_max=50_000_000)
CHAIN_ID = ChainId(31337)


def opened(
    plan: IndexedChain, url: str, store: FactStore, *, ranges: RangeSource | None = None
) -> Indexer:
    """An indexer of a node; without a source of ranges it fetches in this process."""
    chain = open_endpoints([url], plan.chain_id, LIMITS)
    source = ranges or RangesHere(chain, plan.question)
    return open_indexer(plan, chain, store, ranges=source, now_ms=lambda: 0)


def token_plan(
    token: Address, *, window_blocks_max: int = 20, level: Level = Level.RECEIPTS
) -> IndexedChain:
    return IndexedChain(
        chain_id=CHAIN_ID,
        start_block=BlockNumber(0),
        end_block=None,
        sources={token: ContractName.ERC20},
        finality=FinalityRule(tag=FinalityTag.FINALIZED, depth_blocks=12),
        limits=SyncLimits(window_blocks_max=window_blocks_max, range_logs_max=10_000),
        level=level,
        profile=chain_profile_named("ethereum"),
    )


class AnvilToken:
    """A `DemoToken` whose owner sends transactions through the node's unlocked accounts."""

    def __init__(self, url: str) -> None:
        self._rpc = JSONRPC(url, LIMITS)
        accounts = self._rpc.call("eth_accounts")
        assert isinstance(accounts, list)
        self.accounts = [Address.from_hex(account) for account in accounts]
        owner = self.accounts[0]
        creation = artifact("DemoToken").bytecode + encode(["address"], [bytes(owner)])
        receipt = self._send({"from": str(owner), "data": "0x" + creation.hex()})
        self.address = Address.from_hex(receipt["contractAddress"])
        self.mint(owner, 10**12)

    def mint(self, to: Address, amount: int) -> None:
        self._call(self.accounts[0], "mint(address,uint256)", to, amount)

    def transfer(self, source: Address, to: Address, amount: int) -> None:
        self._call(source, "transfer(address,uint256)", to, amount)

    def move(self, count: int, amount: int = 1) -> None:
        """One block with one transfer, `count` times."""
        for place in range(count):
            self.transfer(self.accounts[0], self.accounts[1 + place % 5], amount + place)

    def mine(self, count: int) -> None:
        """Empty blocks, all with one timestamp or one second apart, as the node likes."""
        self._rpc.call("anvil_mine", hex(count))

    def reorg(self, depth: int) -> None:
        """Replace the last blocks by as many empty ones."""
        self._rpc.call("anvil_reorg", depth, [])

    def rollback(self, depth: int) -> None:
        """Move the head back."""
        self._rpc.call("anvil_rollback", depth)

    def head(self) -> int:
        answer = self._rpc.call("eth_blockNumber")
        assert isinstance(answer, str)
        return int(answer, 16)

    def balances(self) -> dict[Address, int]:
        """What the chain says now."""
        selector = keccak(b"balanceOf(address)")[:4]
        balances = {}
        for account in self.accounts:
            data = "0x" + (selector + encode(["address"], [bytes(account)])).hex()
            answer = self._rpc.call("eth_call", {"to": str(self.address), "data": data}, "latest")
            assert isinstance(answer, str)
            balances[account] = int(answer, 16)
        return balances

    def _call(self, sender: Address, signature: str, to: Address, amount: int) -> None:
        data = keccak(signature.encode())[:4] + encode(["address", "uint256"], [bytes(to), amount])
        call = {"from": str(sender), "to": str(self.address), "data": "0x" + data.hex()}
        assert self._send(call)["status"] == "0x1"

    def _send(self, transaction: dict[str, str]) -> dict[str, str]:
        transaction_hash = self._rpc.call("eth_sendTransaction", transaction)
        until_mined = Retrying(
            retry=retry_if_result(lambda receipt: receipt is None),
            wait=wait_fixed(0.01),
            stop=stop_after_delay(60),
        )
        receipt = until_mined(self._rpc.call, "eth_getTransactionReceipt", transaction_hash)
        assert isinstance(receipt, dict)
        return receipt
