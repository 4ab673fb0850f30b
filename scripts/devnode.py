"""A development chain as its users and its operator drive it: signed transactions, mining, time.

Works against anvil. Everything that an account does here is a signed raw transaction, as on any
chain; only mining, moving time, funding accounts and reorganising use the node's own methods.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import HTTPProvider, Web3
from web3.contract import Contract
from web3.types import RPCEndpoint

from contracts.abi import artifact
from contracts.evm import Address, BlockNumber, Hash32, Timestamp, keccak
from scripts.errors import Transient

_PRIORITY_FEE_WEI = 1_000_000_000
_FEE_WEI_MAX = 100_000_000_000
_GAS_PER_TRANSACTION = 3_000_000
_CREATION_GAS = 8_000_000
_BATCH = 100


class NodeRefused(Transient):
    """The development chain answered a request with an error."""


@dataclass(frozen=True, slots=True)
class Call:
    """One contract call that an account wants to make, with native coins if `value` says so."""

    account: LocalAccount
    to: Address
    data: bytes
    gas: int = _GAS_PER_TRANSACTION
    value: int = 0


@dataclass(slots=True)
class DevNode:
    """Client of one development chain; remembers the next nonce of every account it signs for."""

    url: str
    web3: Web3 = field(init=False)
    _provider: HTTPProvider = field(init=False)
    chain_id: int = field(init=False)
    _nonces: dict[str, int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Connect, and learn the chain id."""
        self._provider = HTTPProvider(self.url, request_kwargs={"timeout": 30})
        self.web3 = Web3(self._provider)
        self.chain_id = int(self.request("eth_chainId"), 16)

    def request(self, method: str, *params: object) -> Any:  # noqa: ANN401 - JSON
        """One JSON-RPC call.

        Raises:
            NodeRefused: the answer is an error.
        """
        answer = self._provider.make_request(RPCEndpoint(method), list(params))
        return _result(method, answer)

    def requests(self, method: str, params: Iterable[Sequence[object]]) -> list[Any]:
        """Many calls of one method, in batches; results in order."""
        pending = [(RPCEndpoint(method), list(param)) for param in params]
        results: list[Any] = []
        for start in range(0, len(pending), _BATCH):
            answers = self._provider.make_batch_request(pending[start : start + _BATCH])
            if not isinstance(answers, list):
                raise NodeRefused(f"{method}: {answers}")
            results += [_result(method, answer) for answer in answers]
        return results

    def contract(self, name: str, address: Address) -> Contract:
        """Our contract of that name at an address, to encode calls."""
        checksummed = Web3.to_checksum_address(str(address))
        return self.web3.eth.contract(address=checksummed, abi=artifact(name).abi)

    def sign(self, call: Call, nonce: int | None = None) -> str:
        """Sign one call; with no nonce given, the account's next one is used up.

        Returns:
            The raw transaction as `0x…`.
        """
        sender = call.account.address
        if nonce is None:
            nonce = self.next_nonce(call.account)
            self._nonces[sender] = nonce + 1
        fields = {
            "nonce": nonce,
            "to": str(call.to),
            "data": call.data,
            "gas": call.gas,
            "value": call.value,
        }
        return self._sign(call.account, fields)

    def _sign(self, account: LocalAccount, fields: dict[str, Any]) -> str:
        common = {
            "type": 2,
            "chainId": self.chain_id,
            "value": 0,
            "maxFeePerGas": _FEE_WEI_MAX,
            "maxPriorityFeePerGas": _PRIORITY_FEE_WEI,
        }
        return "0x" + bytes(account.sign_transaction(common | fields).raw_transaction).hex()

    def next_nonce(self, account: LocalAccount) -> int:
        """The nonce that the account would use next."""
        if account.address not in self._nonces:
            count = self.request("eth_getTransactionCount", account.address, "latest")
            self._nonces[account.address] = int(count, 16)
        return self._nonces[account.address]

    def forget_nonces(self) -> None:
        """After a reorganisation: ask the chain again for every account's next nonce."""
        self._nonces.clear()

    def send(self, raws: Iterable[str]) -> list[Hash32]:
        """Hand signed transactions to the node; it does not wait for them to be mined."""
        hashes = self.requests("eth_sendRawTransaction", [(raw,) for raw in raws])
        return [Hash32.from_hex(text) for text in hashes]

    def receipts(self, hashes: Iterable[Hash32]) -> list[dict[str, Any]]:
        """The receipts of mined transactions.

        Raises:
            NodeRefused: one of them is not mined.
        """
        wanted = list(hashes)
        receipts = self.requests("eth_getTransactionReceipt", [(str(one),) for one in wanted])
        for transaction_hash, receipt in zip(wanted, receipts, strict=True):
            if receipt is None:
                raise NodeRefused(f"transaction {transaction_hash} was not mined")
        return receipts

    def transact(self, calls: Iterable[Call]) -> list[dict[str, Any]]:
        """Sign, send, mine one block where the node does not mine by itself, and return receipts.

        Raises:
            NodeRefused: a transaction reverted.
        """
        hashes = self.send([self.sign(call) for call in calls])
        self.mine()
        receipts = self.receipts(hashes)
        for receipt in receipts:
            if int(receipt["status"], 16) != 1:
                raise NodeRefused(f"transaction {receipt['transactionHash']} reverted")
        return receipts

    def deploy(self, account: LocalAccount, name: str, *arguments: object) -> Address:
        """Create one of our contracts and return where it stands."""
        code = artifact(name)
        factory = self.web3.eth.contract(abi=code.abi, bytecode=code.bytecode)
        data = factory.constructor(*arguments).data_in_transaction
        nonce = self.next_nonce(account)
        self._nonces[account.address] = nonce + 1
        hashes = self.send(
            [self._sign(account, {"nonce": nonce, "data": data, "gas": _CREATION_GAS})]
        )
        self.mine()
        (receipt,) = self.receipts(hashes)
        if int(receipt["status"], 16) != 1:
            raise NodeRefused(f"deployment of {name} reverted")
        return Address.from_hex(receipt["contractAddress"])

    def creation_address(self, account: LocalAccount, *, creations_before: int) -> Address:
        """Where the account's next contract but so many will stand: keccak of RLP([it, nonce])."""
        nonce = self.next_nonce(account) + creations_before
        number = nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
        is_byte = len(number) == 1 and nonce < 0x80
        item = number if is_byte else bytes([0x80 + len(number)]) + number
        payload = b"\x94" + address_of(account) + item
        return Address(keccak(bytes([0xC0 + len(payload)]) + payload)[12:])

    def fund(self, accounts: Iterable[LocalAccount], wei: int) -> None:
        """Give accounts native coins for gas."""
        self.requests("anvil_setBalance", [(one.address, hex(wei)) for one in accounts])

    def mine(self, blocks: int = 1) -> None:
        """Mine blocks now."""
        for _ in range(blocks):
            self.request("evm_mine")

    def move_time_to(self, timestamp: Timestamp) -> None:
        """Mine one block with this timestamp; time goes on from there."""
        self.request("evm_setNextBlockTimestamp", timestamp)
        self.mine()

    def reorganise(self, blocks: Sequence[Sequence[str]]) -> None:
        """Replace the last `len(blocks)` blocks by blocks of these raw transactions."""
        pairs = [(raw, offset) for offset, raws in enumerate(blocks) for raw in raws]
        self.request("anvil_reorg", len(blocks), pairs)
        self.forget_nonces()

    def head(self) -> tuple[BlockNumber, Timestamp]:
        """Number and timestamp of the latest block."""
        block = self.request("eth_getBlockByNumber", "latest", False)
        return BlockNumber(int(block["number"], 16)), Timestamp(int(block["timestamp"], 16))


def account_from_seed(seed: int, role: str, index: int = 0) -> LocalAccount:
    """The key of one actor: a function of seed, role and index alone."""
    account: LocalAccount = Account.from_key(keccak(f"quittance/{seed}/{role}/{index}".encode()))
    return account


def address_of(account: LocalAccount) -> Address:
    """The account's address as bytes."""
    return Address.from_hex(account.address)


def _result(method: str, answer: Any) -> Any:  # noqa: ANN401 - JSON
    if "error" in answer:
        raise NodeRefused(f"{method}: {answer['error'].get('message', answer['error'])}")
    return answer["result"]
