"""The watcher's node: what is pending there, and a veto brought into a block."""

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_typing import HexStr
from requests import RequestException
from web3 import Web3
from web3.contract import Contract
from web3.exceptions import TransactionNotFound, Web3Exception

from contracts.abi import artifact
from contracts.addresses import Settlement
from contracts.calls import EpochStatus, veto_call
from contracts.evm import Address, Epoch, Hash32, Timestamp
from contracts.units import mul_div_down
from settlement.errors import BadSigningKey, ChainUnavailable
from settlement.royalties.watch import PendingCommitment

log = logging.getLogger(__name__)

_POLL_S = 0.5
_RAISE_AFTER_S = 15
_KEY_TEXT_LENGTH = 66

_Answer = TypeVar("_Answer")


class RPCWatchedChain:
    """The payouts contract of one settlement at the newest block of one node."""

    def __init__(self, web3: Web3, settlement: Settlement) -> None:
        self._web3 = web3
        self._payouts: Contract = web3.eth.contract(
            address=Web3.to_checksum_address(str(settlement.payouts)),
            abi=artifact("EpochPayouts").abi,
        )

    def pending(self) -> PendingCommitment | None:
        """The commitment that can be vetoed now; there is at most one."""
        block = _answered("eth_getBlockByNumber", lambda: self._web3.eth.get_block("latest"))
        at = HexStr(block["hash"].to_0x_hex())
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
            now=Timestamp(block["timestamp"]),
        )

    def _view(self, function: str, arguments: list[object], at: HexStr) -> Any:  # noqa: ANN401
        bound = self._payouts.functions[function](*arguments)
        return _answered(function, lambda: bound.call(block_identifier=at))


class RPCVetoes:
    """Sends vetoes with a key of its own, and raises the fee until one is in a block.

    A veto costs one transaction and no money of others, so there is no cap: the window is short.
    """

    def __init__(self, web3: Web3, settlement: Settlement, account: LocalAccount) -> None:
        self._web3, self._account = web3, account
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
        payouts = self._web3.eth.contract(address=self._contract, abi=artifact("EpochPayouts").abi)
        functions, account = payouts.functions, self._account.address
        role = _answered("VETO_ROLE", lambda: functions["VETO_ROLE"]().call())
        return bool(
            _answered("isGuardian", lambda: functions["isGuardian"](account).call())
            or _answered("hasRole", lambda: functions["hasRole"](role, account).call())
        )

    def veto(self, epoch: Epoch, reason_digest: Hash32, *, until: Timestamp) -> Hash32:
        """Send the veto and see it mined; the hash of its transaction.

        Raises:
            ChainUnavailable: the node refused it, or the window closed first.
        """
        eth, sender = self._web3.eth, self._account.address
        nonce = _answered("eth_getTransactionCount", lambda: eth.get_transaction_count(sender))
        call: Any = {
            "from": sender,
            "to": self._contract,
            "data": veto_call(epoch, reason_digest),
        }
        gas = 2 * _answered("eth_estimateGas", lambda: eth.estimate_gas(call))
        tip_wei = _answered("eth_maxPriorityFeePerGas", lambda: eth.max_priority_fee) + 1
        max_fee_wei = 0
        sent: list[Hash32] = []
        while True:
            block = _answered("eth_getBlockByNumber", lambda: eth.get_block("latest"))
            if block["timestamp"] >= until:
                raise ChainUnavailable("veto", f"epoch {epoch} became active before the veto")
            max_fee_wei = max(2 * block["baseFeePerGas"] + tip_wei, _raised(max_fee_wei))
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
        try:
            self._web3.eth.send_raw_transaction(signed.raw_transaction)
        except (Web3Exception, RequestException) as error:
            # Only the kind: the message of a transport error may hold the URL with its key.
            detail = str(error) if isinstance(error, Web3Exception) else type(error).__name__
            log.warning("veto not accepted", extra={"detail": detail})
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
                return self._web3.eth.get_transaction_receipt(HexStr(str(tx_hash)))
            except TransactionNotFound:
                return None

        return _answered("eth_getTransactionReceipt", ask)


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


def _answered(call: str, ask: Callable[[], _Answer]) -> _Answer:
    try:
        return ask()
    except RequestException as error:
        raise ChainUnavailable(call, type(error).__name__) from error
    except Web3Exception as error:
        raise ChainUnavailable(call, str(error)) from error
