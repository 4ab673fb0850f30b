"""The watcher's node: what is pending there, and a veto brought into a block."""

import logging
import time
from collections.abc import Callable
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_typing import HexStr
from web3 import Web3
from web3.contract import Contract
from web3.exceptions import TransactionNotFound

from contracts.abi import artifact
from contracts.addresses import Settlement
from contracts.calls import EpochStatus, veto_call
from contracts.evm import Address, Epoch, Hash32, Timestamp
from contracts.units import mul_div_down
from settlement.errors import BadSigningKey, ChainUnavailable
from settlement.node_answers import reading
from settlement.royalties.adapters.node_calls import NodeCalls
from settlement.royalties.watch import PendingCommitment

log = logging.getLogger(__name__)

_POLL_S = 0.5
_RAISE_AFTER_S = 15
_KEY_TEXT_LENGTH = 66


class RPCWatchedChain:
    """The payouts contract of one settlement at the newest block of one node.

    `told` is how the node's words are repeated.
    """

    def __init__(self, web3: Web3, settlement: Settlement, *, told: Callable[[str], str]) -> None:
        self._node = NodeCalls(web3, told)
        self._payouts: Contract = web3.eth.contract(
            address=Web3.to_checksum_address(str(settlement.payouts)),
            abi=artifact("EpochPayouts").abi,
        )

    def pending(self) -> PendingCommitment | None:
        """The commitment that can be vetoed now; there is at most one."""
        eth = self._node.web3.eth
        block = self._node.answered("eth_getBlockByNumber", lambda: eth.get_block("latest"))
        with reading("eth_getBlockByNumber"):
            at, now = HexStr(block["hash"].to_0x_hex()), Timestamp(block["timestamp"])
        following = self._view("nextEpoch", [], at)
        if following == 0:
            return None
        epoch = Epoch(following - 1)
        root, digest, active_at, attempt, status = self._view("epochOf", [epoch], at)
        if status != EpochStatus.PENDING:
            return None
        return PendingCommitment(
            epoch=epoch,
            attempt=attempt,
            manifest_digest=Hash32(digest),
            root=Hash32(root),
            active_at=Timestamp(active_at),
            now=now,
        )

    def _view(self, function: str, arguments: list[object], at: HexStr) -> Any:  # noqa: ANN401
        bound = self._payouts.functions[function](*arguments)
        return self._node.answered(function, lambda: bound.call(block_identifier=at))


class RPCVetoes:
    """Sends vetoes with a key of its own, and raises the fee until one is in a block.

    A veto costs one transaction and no money of others, so there is no cap: the window is short.
    `told` is how the node's words are repeated.
    """

    def __init__(
        self,
        web3: Web3,
        settlement: Settlement,
        account: LocalAccount,
        *,
        told: Callable[[str], str],
    ) -> None:
        self._node, self._account = NodeCalls(web3, told), account
        self._chain_id = settlement.chain_id
        self._contract = Web3.to_checksum_address(str(settlement.payouts))

    @property
    def address(self) -> Address:
        """Who vetoes."""
        return Address.from_hex(self._account.address)

    def may_veto(self) -> bool:
        """Whether the contract takes a veto of this key now.

        Raises:
            ChainUnavailable: the node does not answer.
        """
        node, abi = self._node, artifact("EpochPayouts").abi
        functions = node.web3.eth.contract(address=self._contract, abi=abi).functions
        account = self._account.address
        role = node.answered("VETO_ROLE", lambda: functions["VETO_ROLE"]().call())
        return bool(
            node.answered("isGuardian", lambda: functions["isGuardian"](account).call())
            or node.answered("hasRole", lambda: functions["hasRole"](role, account).call())
        )

    def veto(self, epoch: Epoch, reason_digest: Hash32, *, until: Timestamp) -> Hash32:
        """Send the veto and see it mined; the hash of its transaction.

        Raises:
            ChainUnavailable: the node refused it, or the window closed first.
        """
        node, eth, sender = self._node, self._node.web3.eth, self._account.address
        nonce = node.answered("eth_getTransactionCount", lambda: eth.get_transaction_count(sender))
        call: Any = {
            "from": sender,
            "to": self._contract,
            "data": veto_call(epoch, reason_digest),
        }
        gas = 2 * node.answered("eth_estimateGas", lambda: eth.estimate_gas(call))
        tip_wei = node.answered("eth_maxPriorityFeePerGas", lambda: eth.max_priority_fee) + 1
        max_fee_wei = 0
        sent: list[Hash32] = []
        while True:
            block = node.answered("eth_getBlockByNumber", lambda: eth.get_block("latest"))
            with reading("eth_getBlockByNumber"):
                now, base_fee_wei = block["timestamp"], block["baseFeePerGas"]
            if now >= until:
                raise ChainUnavailable("veto", f"epoch {epoch} became active before the veto")
            max_fee_wei = max(2 * base_fee_wei + tip_wei, _raised(max_fee_wei))
            sent.append(
                self._send(
                    call
                    | {"type": 2, "chainId": self._chain_id, "nonce": nonce, "gas": gas}
                    | {"maxFeePerGas": max_fee_wei, "maxPriorityFeePerGas": tip_wei}
                )
            )
            mined = self._mined(sent)
            if mined is not None:
                return mined
            tip_wei = _raised(tip_wei)

    def _send(self, transaction: Any) -> Hash32:  # noqa: ANN401
        """Broadcast; a refusal is logged, because an earlier one of the same nonce may be mined."""
        signed = self._account.sign_transaction(transaction)
        send = self._node.web3.eth.send_raw_transaction
        try:
            self._node.answered("eth_sendRawTransaction", lambda: send(signed.raw_transaction))
        except ChainUnavailable as error:
            log.warning("veto not accepted", extra={"detail": str(error)})
        return Hash32(signed.hash)

    def _mined(self, sent: list[Hash32]) -> Hash32 | None:
        """The one of these that is in a block, waited for as long as its fee is given a chance."""
        deadline = time.monotonic() + _RAISE_AFTER_S
        while time.monotonic() < deadline:
            for tx_hash in sent:
                receipt = self._receipt(tx_hash)
                if receipt is not None and receipt["status"] == 1:
                    return tx_hash
                if receipt is not None:
                    raise ChainUnavailable("veto", f"transaction {tx_hash} reverted")
            time.sleep(_POLL_S)
        return None

    def _receipt(self, tx_hash: Hash32) -> Any:  # noqa: ANN401
        def ask() -> Any:  # noqa: ANN401
            try:
                return self._node.web3.eth.get_transaction_receipt(HexStr(str(tx_hash)))
            except TransactionNotFound:
                return None

        return self._node.answered("eth_getTransactionReceipt", ask)


def account_from_key(key: str) -> LocalAccount:
    """The account of a private key.

    Raises:
        BadSigningKey: it is none; the text is not repeated.
    """
    try:
        if len(key) != _KEY_TEXT_LENGTH or not key.startswith("0x"):
            raise BadSigningKey
        account: LocalAccount = Account.from_key(bytes.fromhex(key[2:]))
    except ValueError:
        # eth-account's own message would show the key, also as the cause.
        raise BadSigningKey from None
    return account


def _raised(wei: int) -> int:
    """An eighth more, rounded up: a replacement must raise both fee fields by a tenth."""
    return wei + mul_div_down(wei, 1, 8) + 1
