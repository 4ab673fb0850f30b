// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {OperationLib} from "../settlement/OperationLib.sol";
import {IPayoutBatch} from "./IPayoutBatch.sol";
import {LinePayments} from "./LinePayments.sol";

/// @title Payment of what the operator's books owe, in batches
/// @dev Warning: assets must be plain ERC-20 tokens. One that takes a fee on the way pays payees
/// less than the events say; one that debits the sender more, or rebases down, breaks the solvency
/// of that asset, and of no other.
contract PayoutBatch is IPayoutBatch, LinePayments {
    /* CONSTRUCTOR */

    constructor(address admin) LinePayments(OperationLib.PAYOUT, admin) {}

    /* EXTERNAL */

    /// @inheritdoc IPayoutBatch
    receive() external payable {
        emit FloatReceived(msg.sender, msg.value);
    }

    /// @inheritdoc IPayoutBatch
    function payBatch(bytes32 listId, address asset, Payment[] calldata payments)
        external
        onlyRole(OPERATOR_ROLE)
        whenNotPaused
        nonReentrant
    {
        mapping(uint256 word => uint256 lines) storage settled = _settledLinesOf(listId);
        uint256 available = Math.saturatingSub(_balanceOf(asset), unclaimedTotal[asset]);
        uint256 freeMemory = _freeMemory();
        for (uint256 i = 0; i < payments.length; ++i) {
            _releaseMemory(freeMemory);
            Line memory line = _lineOf(listId, asset, payments[i]);
            if (_isSkipped(settled, line)) continue;
            if (line.amount > available) revert BalanceTooLow(asset, available, line.amount);
            available -= line.amount;
            _settle(settled, line);
        }
    }

    /* INTERNALS */

    function _balanceOf(address asset) private view returns (uint256) {
        if (asset == NATIVE) return address(this).balance;
        if (asset.code.length == 0) revert NotAContract(asset);
        return IERC20(asset).balanceOf(address(this));
    }

    function _lineOf(bytes32 listId, address asset, Payment calldata payment)
        private
        view
        returns (Line memory)
    {
        return Line({
            opId: operationIdOf(listId, payment.index),
            listId: listId,
            index: payment.index,
            asset: asset,
            payee: payment.payee,
            amount: payment.amount
        });
    }
}
