"""Contract wallets, asked on their own chain, in one `eth_call` that cannot fail for their sake.

A wallet may answer nothing, revert, or burn all gas, and every node words that otherwise. So not
the wallet is called but a few instructions of ours, which call it and answer 1 or 0: what then
still fails is the endpoint. They judge as `SignatureLib` does: the call must succeed and answer at
least a word, the first of which is the selector, padded with zeros. They give it more gas, because
wallets of passkeys need it where the curve has no precompile.

    codecopy(0, 0x45, size)                              the call, which follows the instructions
    staticcall(gas, wallet, 0, size, 0, 32)
    return  success & returndatasize > 31 & mload(0) == selector

Source: ERC-1271; EIP-1474 (eth_call; without `to`, its data run as creation code).
"""

from collections.abc import Mapping

from eth_abi.abi import encode

from api.errors import ChainSilent
from contracts.evm import Address, ChainId, Hash32
from indexer.adapters.json_rpc import JSONRPC, RPCLimits
from indexer.errors import IndexerError

SELECTOR = bytes.fromhex("1626ba7e")
"""Of `isValidSignature(bytes32,bytes)`; the same bytes mean yes."""

WALLET_LIMITS = RPCLimits(timeout_s=3, calls_max=1, answer_bytes_max=65_536)
"""Of an endpoint that is asked while somebody waits."""

_WALLET_GAS, _CALL_GAS = 3_000_000, 8_000_000
_BEFORE_WALLET = bytes.fromhex("604538038060456000396020600082600073")
_AFTER_WALLET = bytes.fromhex(
    f"62{_WALLET_GAS:06x}fa3d601f1016600051631626ba7e60e01b141660005260206000f3"
)
_YES, _NO = "0x" + "1".zfill(64), "0x" + "0" * 64


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
        asked = SELECTOR + encode(["bytes32", "bytes"], [bytes(digest), signature])
        code = _BEFORE_WALLET + wallet + _AFTER_WALLET + asked
        call = {"data": "0x" + code.hex(), "gas": hex(_CALL_GAS)}
        try:
            answer = rpc.call("eth_call", call, "latest")
        except IndexerError as error:
            raise ChainSilent(chain_id, str(error)) from error
        if answer not in (_YES, _NO):
            raise ChainSilent(chain_id, f"{rpc.host} does not run creation code")
        return answer == _YES
