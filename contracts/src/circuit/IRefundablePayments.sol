// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IOrderPayments} from "./IOrderPayments.sol";

/// @title Payments that can be given back
/// @notice A refund is whole and happens once: the payer gets back price and fee, out of the money
/// of whoever refunds, and gives back what it bought. The order id stays consumed. A ticket that
/// was redeemed or sold on is not its payer's to give back: such a refund reverts
/// (`AlreadyRedeemed`, `NotHolder`).
interface IRefundablePayments is IOrderPayments {
    /* TYPES */

    /// @notice A payment as it happened; `ticketId` is zero where no ticket was sold.
    struct Payment {
        bytes32 orderId;
        address payer;
        address creator;
        bytes32 subject;
        uint256 ticketId;
        uint256 price;
        uint256 fee;
    }

    /* ERRORS */

    /// @notice Only the creator and holders of REFUNDER_ROLE refund.
    error NotRefunder(address account);
    /// @notice This is not what was paid, or it was refunded.
    error NotRefundable(address payer, bytes32 orderId);

    /* EXTERNAL */

    /// @notice Gives a payment back, out of the caller's allowance; also while paused.
    function refund(Payment calldata payment) external;
}
