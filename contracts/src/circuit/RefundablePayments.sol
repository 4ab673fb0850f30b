// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {ExactTransferLib} from "./ExactTransferLib.sol";
import {IRefundablePayments} from "./IRefundablePayments.sol";
import {OrderLib} from "./OrderLib.sol";
import {OrderPayments} from "./OrderPayments.sol";

/// @title Payments that can be given back
abstract contract RefundablePayments is IRefundablePayments, OrderPayments {
    using ExactTransferLib for IERC20;

    /* TYPES */

    /// @notice May refund, out of its own money.
    bytes32 public constant REFUNDER_ROLE = keccak256("REFUNDER_ROLE");
    /// @notice Stands where the hash of a payment stood that was refunded.
    bytes32 public constant REFUNDED = bytes32(uint256(1));

    /* EXTERNAL */

    /// @inheritdoc IRefundablePayments
    function refund(Payment calldata payment) external nonReentrant {
        if (msg.sender != payment.creator && !hasRole(REFUNDER_ROLE, msg.sender)) {
            revert NotRefunder(msg.sender);
        }
        bytes32 key = OrderLib.consumedKey(payment.payer, payment.orderId);
        bytes32 hash =
            _hashOf(payment.creator, payment.subject, payment.ticketId, payment.price, payment.fee);
        if (paymentHash[key] != hash) revert NotRefundable(payment.payer, payment.orderId);
        paymentHash[key] = REFUNDED;
        _takeBack(payment);
        asset.moveExactly(msg.sender, payment.payer, payment.price + payment.fee);
    }

    /* INTERNALS */

    /// @dev Says that the payment is refunded, and takes back what it was for.
    function _takeBack(Payment calldata payment) internal virtual;
}
