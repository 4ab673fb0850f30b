"""Contract wallets, asked on their own chain, in one `eth_call` that cannot fail for their sake.

A wallet may answer nothing, revert, or burn all gas, and every node words that otherwise. So not
the wallet is called but a few instructions of ours, which call it and answer 1 or 0: what then
still fails is the endpoint. They judge as `SignatureLib` does: the call must succeed and answer at
least a word, the first of which is the selector, padded with zeros. They give it more gas, because
wallets of passkeys need it where the curve has no precompile.

    codecopy(0, asked, size)                             the call, which follows the instructions
    staticcall(gas, wallet, 0, size, 0, 32)
    return  success & returndatasize > 31 & mload(0) == selector

A wallet that is not deployed yet says with its signature how it would be (ERC-6492): that is done
first, and is undone with the call. Nothing of it stays, and only where there is no code at the
wallet's address: a wallet that stands is never called by what a stranger wrote.

    if extcodesize(wallet) == 0:  codecopy(0, made, size);  call(gas, factory, 0, 0, size, 0, 0)

Source: ERC-1271; ERC-6492; EIP-1474 (eth_call; without `to`, its data run as creation code).
"""

from collections.abc import Mapping
from typing import NamedTuple

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError

from api.errors import ChainSilent
from contracts.evm import Address, ChainId, Hash32
from indexer.adapters.json_rpc import JSONRPC, RPCLimits
from indexer.errors import IndexerError

SELECTOR = bytes.fromhex("1626ba7e")
"""Of `isValidSignature(bytes32,bytes)`; the same bytes mean yes."""

NOT_DEPLOYED = bytes.fromhex("6492" * 16)
"""What a signature ends with that says how its wallet is deployed."""

WALLET_LIMITS = RPCLimits(timeout_s=3, calls_max=1, answer_bytes_max=65_536)
"""Of an endpoint that is asked while somebody waits."""

_WALLET_GAS, _FACTORY_GAS, _CALL_GAS = 3_000_000, 5_000_000, 12_000_000
_YES, _NO = "0x" + "1".zfill(64), "0x" + "0" * 64


class _Deployment(NamedTuple):
    """Whom to call to deploy a wallet, and with what."""

    factory: Address
    calldata: bytes


class RPCContractWallets:
    """One endpoint for each chain; satisfies `auth_signatures.ContractWallets`."""

    def __init__(self, rpcs: Mapping[ChainId, JSONRPC]) -> None:
        self._rpcs = rpcs

    def accepts(
        self, wallet: Address, digest: Hash32, signature: bytes, *, chain_id: ChainId
    ) -> bool:
        """Whether the account says that the signature is its own."""
        rpc = self._rpcs.get(chain_id)
        if rpc is None:
            return False
        try:
            deployment, own_signature = _unwrapped(signature)
        except DecodingError:
            return False
        asked = SELECTOR + encode(["bytes32", "bytes"], [bytes(digest), own_signature])
        code = _instructions(wallet, asked, deployment)
        call = {"data": "0x" + code.hex(), "gas": hex(_CALL_GAS)}
        try:
            answer = rpc.call("eth_call", call, "latest")
        except IndexerError as error:
            raise ChainSilent(chain_id, str(error)) from error
        if answer not in (_YES, _NO):
            raise ChainSilent(chain_id, f"{rpc.host} does not run creation code")
        return answer == _YES


def _unwrapped(signature: bytes) -> tuple[_Deployment | None, bytes]:
    """How the wallet is deployed, if the signature says so, and the wallet's own signature."""
    if not signature.endswith(NOT_DEPLOYED):
        return None, signature
    factory, calldata, own = decode(
        ["address", "bytes", "bytes"], signature[: -len(NOT_DEPLOYED)], strict=True
    )
    return _Deployment(Address.from_hex(factory), calldata), own


def _instructions(wallet: Address, asked: bytes, deployment: _Deployment | None) -> bytes:
    """Creation code: instructions, then the calls that they copy out of it."""
    made = b"" if deployment is None else deployment.calldata
    factory = None if deployment is None else deployment.factory
    size = len(_code(wallet, factory, asked, made, at=0))
    return _code(wallet, factory, asked, made, at=size) + asked + made


def _code(wallet: Address, factory: Address | None, asked: bytes, made: bytes, *, at: int) -> bytes:
    """The instructions, for calls that begin `at` a place of the code."""
    deploying = ""
    if factory is not None:
        call = (
            f"{_copied(at + len(asked), made)}60006000{_push(len(made))}6000600073{factory.hex()}"
        )
        call += f"62{_FACTORY_GAS:06x}f150"
        is_there = f"73{wallet.hex()}3b"
        after = (len(is_there) + len(_push(0)) + len("57") + len(call)) // 2
        deploying = f"{is_there}{_push(after)}57{call}5b"
    calling = f"{_copied(at, asked)}60206000{_push(len(asked))}600073{wallet.hex()}"
    calling += f"62{_WALLET_GAS:06x}fa3d601f1016600051631626ba7e60e01b141660005260206000f3"
    return bytes.fromhex(deploying + calling)


def _copied(at: int, content: bytes) -> str:
    """Put a part of the code to the beginning of the memory."""
    return f"{_push(len(content))}{_push(at)}600039"


def _push(number: int) -> str:
    return f"61{number:04x}"
