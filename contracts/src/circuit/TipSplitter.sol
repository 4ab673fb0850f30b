// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {OrderPayments} from "./OrderPayments.sol";

/// @title Tips in a token, whole to their creator
/// @notice A tip is a gift: it is not refunded.
contract TipSplitter is OrderPayments {
    /* EVENTS */

    /// @notice `payer` tipped `creator` with `amount`, and paid `fee` on top to the treasury.
    event TipPaid(
        bytes32 indexed orderId,
        address indexed payer,
        address indexed creator,
        address asset,
        uint256 amount,
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
        if (order.subject != 0 || order.tierId != 0) {
            revert InvalidSubject(order.subject, order.tierId);
        }
        return 0;
    }

    /// @inheritdoc OrderPayments
    function _deliver(Order calldata order, uint256, uint256 fee) internal override {
        emit TipPaid(order.orderId, order.payer, order.creator, address(asset), order.price, fee);
    }
}
