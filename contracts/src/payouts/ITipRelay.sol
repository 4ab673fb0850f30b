// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFeeSchedule} from "./IFeeSchedule.sol";
import {ILinePayments} from "./ILinePayments.sol";

/// @title Tips in the native coin, received now and passed on in batches
/// @notice A tip comes with its fee on top, is owed to its creator in full, and is line `number` of
/// the one list of this relay: tips are numbered from 0 without gaps. The operator says when lines
/// are paid; to whom and how much was fixed by the tip.
/// @dev Invariant: the balance is never below `owed` + `fees` + `unclaimedTotal`. Bare transfers
/// are refused: they would name neither creator nor order.
interface ITipRelay is ILinePayments, IFeeSchedule {
    /* TYPES */

    /// @notice What is owed for a tip, and to whom; kept after it was paid.
    struct Tip {
        address creator;
        uint96 amount;
    }

    /* ERRORS */

    /// @notice A tip is of something.
    error TipOfNothing();
    /// @notice Another sum was sent than the tip and its fee.
    error InexactPayment(uint256 actual, uint256 expected);
    /// @notice This payer paid this order before.
    error OrderAlreadyPaid(address payer, bytes32 orderId);
    /// @notice There are no fees to withdraw.
    error NoFees();

    /* EVENTS */

    /// @notice `payer` tipped `creator`; `opId` will name the payment of line `number`.
    event TipReceived(
        bytes32 indexed orderId,
        address indexed creator,
        address indexed payer,
        bytes32 opId,
        uint256 number,
        uint256 amount,
        uint256 fee
    );
    /// @notice All fees were sent to the treasury.
    event FeesWithdrawn(address indexed treasury, uint256 amount);

    /* EXTERNAL */

    /// @notice Tips `creator`; the value sent is exactly `amount` plus `feeOf(amount)`, so a change
    /// of the fee surprises nobody. One payer pays one order once.
    /// @return number The tip's line.
    function tip(address creator, bytes32 orderId, uint96 amount)
        external
        payable
        returns (uint256 number);

    /// @notice Settles tips; for OPERATOR_ROLE. A tip that is settled or unknown, or whose creator
    /// is held, is skipped and reported by `LineSkipped`; one that its creator refuses becomes
    /// unclaimed.
    function payTips(uint256[] calldata numbers) external;

    /// @notice Sends all fees to the treasury, which may not be held, for whoever asks.
    function withdrawFees() external;

    /* VIEWS */

    /// @notice Tip `number`; zeros if there is none.
    function tipOf(uint256 number) external view returns (address creator, uint96 amount);

    /// @notice How many tips were received.
    function tipCount() external view returns (uint256);

    /// @notice Sum of the tips that are not settled.
    function owed() external view returns (uint256);

    /// @notice Sum of the fees that are not withdrawn.
    function fees() external view returns (uint256);

    /// @notice Whether `payer` paid `orderId`.
    function isOrderPaid(address payer, bytes32 orderId) external view returns (bool);
}
