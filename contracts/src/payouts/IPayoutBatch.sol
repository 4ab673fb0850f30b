// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILinePayments} from "./ILinePayments.sol";

/// @title Payment of what the operator's books owe, in batches
/// @notice Holds a float and pays lines of lists out of it. Lists, payees and amounts come from the
/// operator; that no line is settled twice comes from here.
/// @dev Invariant per asset: the balance is never below `unclaimedTotal`. Money arrives by plain
/// transfer and leaves as a line, also on its way back to the treasury, or as unclaimed money.
interface IPayoutBatch is ILinePayments {
    /* TYPES */

    /// @notice One line of a list: who is owed how much.
    struct Payment {
        uint256 index;
        address payee;
        uint256 amount;
    }

    /* ERRORS */

    /// @notice The asset has no code.
    error NotAContract(address asset);
    /// @notice A line needs more than the balance without unclaimed money and the lines before it.
    error BalanceTooLow(address asset, uint256 available, uint256 required);

    /* EVENTS */

    /// @notice Native coins arrived, which leave no log of their own.
    event FloatReceived(address indexed sender, uint256 amount);

    /* EXTERNAL */

    /// @notice Adds native coins to the float, from anybody; also while paused.
    receive() external payable;

    /// @notice Settles lines of one list in one asset; for OPERATOR_ROLE. A line that is settled,
    /// malformed or held is skipped and reported by `LineSkipped`; one whose payee or token refuses
    /// becomes unclaimed. Reverts as a whole if the balance does not cover what it would pay, so
    /// that a refusal never means that the float is empty.
    /// @param asset The token, or zero for the native coin.
    function payBatch(bytes32 listId, address asset, Payment[] calldata payments) external;
}
