// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title Token transfers that cannot stop their caller
/// @notice A hostile payee or token can revert, answer false, burn its gas or return megabytes; the
/// caller sees one boolean and goes on.
library Isolated {
    /// @notice Gas that the token's `transfer` may use.
    uint256 internal constant TRANSFER_GAS = 150_000;
    /// @notice Gas that the call itself costs on top: cold account, stack and memory.
    uint256 internal constant CALL_OVERHEAD_GAS = 5_000;

    /// @notice Too little gas is left to give the token its full allowance.
    error InsufficientGas(uint256 available, uint256 required);

    /// @notice Tries `token.transfer(payee, amount)`; false if it reverted or did not answer true.
    /// @dev An empty answer counts as true if the token has code (tokens that return nothing).
    /// Reverts with `InsufficientGas` rather than starve the call: of the gas left, one 64th stays
    /// with the caller (EIP-150), and a transfer that ran out of gas because the sender of the
    /// transaction was stingy must not look like a refusal by the payee.
    function trySend(address token, address payee, uint256 amount) internal returns (bool) {
        uint256 required = (TRANSFER_GAS + CALL_OVERHEAD_GAS) * 64 / 63;
        if (gasleft() < required) revert InsufficientGas(gasleft(), required);
        bytes memory data = abi.encodeCall(IERC20.transfer, (payee, amount));
        bool succeeded;
        uint256 answerSize;
        uint256 answer;
        assembly ("memory-safe") {
            mstore(0, 0)
            // One word of the answer is copied at most, so a huge answer costs the caller nothing.
            succeeded := call(TRANSFER_GAS, token, 0, add(data, 32), mload(data), 0, 32)
            answerSize := returndatasize()
            answer := mload(0)
        }
        if (!succeeded) return false;
        if (answerSize == 0) return token.code.length > 0;
        return answerSize >= 32 && answer == 1;
    }
}
