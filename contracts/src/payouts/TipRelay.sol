// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {OperationLib} from "../settlement/OperationLib.sol";
import {FeeSchedule} from "./FeeSchedule.sol";
import {ITipRelay} from "./ITipRelay.sol";
import {LinePayments} from "./LinePayments.sol";

/// @title Tips in the native coin, received now and passed on in batches
contract TipRelay is ITipRelay, LinePayments, FeeSchedule {
    /* TYPES */

    /// @dev One slot. The sums are of coins that arrived, and all coins there are fit.
    struct Books {
        uint64 tips;
        uint96 owed;
        uint96 fees;
    }

    /* STORAGE */

    Books private _books;
    /// @inheritdoc ITipRelay
    mapping(uint256 number => Tip) public tipOf;
    /// @inheritdoc ITipRelay
    mapping(address payer => mapping(bytes32 orderId => bool)) public isOrderPaid;

    /* CONSTRUCTOR */

    constructor(FeeTerms memory terms, uint80 feeMinimumMax_, uint64 feeDelay_, address admin)
        LinePayments(OperationLib.TIP, admin)
        FeeSchedule(terms, feeMinimumMax_, feeDelay_)
    {}

    /* EXTERNAL */

    /// @inheritdoc ITipRelay
    function tip(address creator, bytes32 orderId, uint96 amount)
        external
        payable
        whenNotPaused
        nonReentrant
        returns (uint256 number)
    {
        if (!_isRecipient(creator, NATIVE)) revert InvalidRecipient(creator);
        if (amount == 0) revert TipOfNothing();
        uint256 fee = feeOf(amount);
        if (msg.value != amount + fee) revert InexactPayment(msg.value, amount + fee);
        if (isOrderPaid[msg.sender][orderId]) revert OrderAlreadyPaid(msg.sender, orderId);
        isOrderPaid[msg.sender][orderId] = true;
        Books memory books = _books;
        number = books.tips;
        tipOf[number] = Tip(creator, amount);
        _books = Books(books.tips + 1, books.owed + amount, books.fees + SafeCast.toUint96(fee));
        bytes32 opId = operationIdOf(OperationLib.TIP_LIST, number);
        emit TipReceived(orderId, creator, msg.sender, opId, number, amount, fee);
    }

    /// @inheritdoc ITipRelay
    /// @dev `owed` drops after the transfers: during re-entry this contract looks poorer than it
    /// is, never richer.
    function payTips(uint256[] calldata numbers)
        external
        onlyRole(OPERATOR_ROLE)
        whenNotPaused
        nonReentrant
    {
        mapping(uint256 word => uint256 lines) storage settled =
            _settledLinesOf(OperationLib.TIP_LIST);
        uint256 sum = 0;
        uint256 freeMemory = _freeMemory();
        for (uint256 i = 0; i < numbers.length; ++i) {
            _releaseMemory(freeMemory);
            Line memory line = _lineOf(numbers[i]);
            if (_isSkipped(settled, line)) continue;
            _settle(settled, line);
            sum += line.amount;
        }
        _books.owed -= SafeCast.toUint96(sum);
    }

    /// @inheritdoc ITipRelay
    function withdrawFees() external whenNotPaused nonReentrant {
        address treasury = feeTerms().treasury;
        _requireNotHeld(treasury);
        uint256 amount = _books.fees;
        if (amount == 0) revert NoFees();
        _books.fees = 0;
        emit FeesWithdrawn(treasury, amount);
        Address.sendValue(payable(treasury), amount);
    }

    /* VIEWS */

    /// @inheritdoc ITipRelay
    function tipCount() external view returns (uint256) {
        return _books.tips;
    }

    /// @inheritdoc ITipRelay
    function owed() external view returns (uint256) {
        return _books.owed;
    }

    /// @inheritdoc ITipRelay
    function fees() external view returns (uint256) {
        return _books.fees;
    }

    /* INTERNALS */

    /// @dev An unknown tip has no payee and is thereby malformed.
    function _lineOf(uint256 number) private view returns (Line memory) {
        Tip memory owedTip = tipOf[number];
        return Line({
            opId: operationIdOf(OperationLib.TIP_LIST, number),
            listId: OperationLib.TIP_LIST,
            index: number,
            asset: NATIVE,
            payee: owedTip.creator,
            amount: owedTip.amount
        });
    }
}
