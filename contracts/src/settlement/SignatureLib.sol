// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title Signatures of keys and of contract wallets
library SignatureLib {
    /// @notice Gas that a wallet's `isValidSignature` may use.
    uint256 internal constant WALLET_GAS = 200_000;

    /// @notice Whether `signature` over `digest` is `signer`'s, who is not zero.
    /// @dev The key is asked before the code: an account with a key that delegates to code
    /// (EIP-7702) goes on signing with its key. A wallet can refuse, but not stop its caller: it
    /// has little gas, and one word of its answer is copied.
    function isSignedBy(address signer, bytes32 digest, bytes calldata signature)
        internal
        view
        returns (bool)
    {
        // A failed recovery answers zero, which `signer` is not.
        // slither-disable-next-line unused-return
        (address recovered,,) = ECDSA.tryRecoverCalldata(digest, signature);
        return recovered == signer || _isAcceptedByWallet(signer, digest, signature);
    }

    function _isAcceptedByWallet(address wallet, bytes32 digest, bytes calldata signature)
        private
        view
        returns (bool)
    {
        bytes memory data = abi.encodeCall(IERC1271.isValidSignature, (digest, signature));
        bool succeeded;
        uint256 answerSize;
        bytes32 answer;
        assembly ("memory-safe") {
            mstore(0, 0)
            succeeded := staticcall(WALLET_GAS, wallet, add(data, 32), mload(data), 0, 32)
            answerSize := returndatasize()
            answer := mload(0)
        }
        // An account without code answers nothing.
        return succeeded && answerSize >= 32 && answer == IERC1271.isValidSignature.selector;
    }
}
