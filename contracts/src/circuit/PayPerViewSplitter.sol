// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {OrderPayments} from "./OrderPayments.sol";
import {RefundablePayments} from "./RefundablePayments.sol";

/// @title Pay per view: the price of a content, to its creator
/// @notice Which content costs what is not known here: an order is evidence for whoever compares
/// the event with the price that was asked.
contract PayPerViewSplitter is RefundablePayments {
    /* EVENTS */

    /// @notice `payer` paid `price` to `creator` for a content, and `fee` on top to the treasury.
    event ContentPaid(
        bytes32 indexed orderId,
        address indexed payer,
        address indexed creator,
        bytes32 contentId,
        address asset,
        uint256 price,
        uint256 fee
    );
    /// @notice `payer` got back `price` and `fee`.
    event ContentRefunded(
        bytes32 indexed orderId,
        address indexed payer,
        address indexed creator,
        bytes32 contentId,
        address asset,
        uint256 price,
        uint256 fee
    );

    /* CONSTRUCTOR */

    constructor(
        IERC20 asset_,
        FeeTerms memory terms,
        uint80 feeMinimumMax_,
        uint64 feeDelay_,
        address admin
    ) OrderPayments(asset_, terms, feeMinimumMax_, feeDelay_, admin) {}

    /* INTERNALS */

    /// @inheritdoc OrderPayments
    function _admit(Order calldata order) internal pure override returns (uint256) {
        if (order.subject == 0 || order.tierId != 0) {
            revert InvalidSubject(order.subject, order.tierId);
        }
        return 0;
    }

    /// @inheritdoc OrderPayments
    function _deliver(Order calldata order, uint256, uint256 fee) internal override {
        emit ContentPaid(
            order.orderId,
            order.payer,
            order.creator,
            order.subject,
            address(asset),
            order.price,
            fee
        );
    }

    /// @inheritdoc RefundablePayments
    function _takeBack(Payment calldata payment) internal override {
        emit ContentRefunded(
            payment.orderId,
            payment.payer,
            payment.creator,
            payment.subject,
            address(asset),
            payment.price,
            payment.fee
        );
    }
}
