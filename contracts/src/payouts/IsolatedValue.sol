// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Isolated} from "../settlement/Isolated.sol";

/// @title Transfers of the native coin that cannot stop their caller
/// @notice What `Isolated` is for tokens: a payee that reverts, burns its gas or returns megabytes
/// costs its caller bounded gas and is one boolean.
library IsolatedValue {
    /// @notice Gas that the payee may use: enough for contract wallets and delegated accounts.
    uint256 internal constant PAYEE_GAS = 50_000;
    /// @notice Gas that the call itself costs on top: 25,000 for a new account, 9,000 for the
    /// value, 2,600 for a cold address, and some for the stack.
    uint256 internal constant CALL_OVERHEAD_GAS = 40_000;

    /// @notice Tries to send `amount` to `payee`; false if it reverted.
    /// @dev Reverts with `InsufficientGas` rather than starve the payee, as `Isolated.trySend`.
    function trySend(address payee, uint256 amount) internal returns (bool succeeded) {
        uint256 required = (PAYEE_GAS + CALL_OVERHEAD_GAS) * 64 / 63;
        if (gasleft() < required) revert Isolated.InsufficientGas(gasleft(), required);
        assembly ("memory-safe") {
            // Nothing of the answer is copied, so a huge one costs the caller nothing.
            succeeded := call(PAYEE_GAS, payee, amount, 0, 0, 0, 0)
        }
    }
}
