// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";

import {Isolated} from "../settlement/Isolated.sol";
import {OperationLib} from "../settlement/OperationLib.sol";
import {PayeeHolds} from "../settlement/PayeeHolds.sol";
import {ILinePayments} from "./ILinePayments.sol";
import {IsolatedValue} from "./IsolatedValue.sol";

/// @title Payment of lines of lists, each at most once
/// @dev Knows which lines are settled and what is unclaimed. The contracts that inherit say who
/// owes a line to whom, and that their balance covers it before they settle it.
abstract contract LinePayments is ILinePayments, PayeeHolds, Pausable, ReentrancyGuard {
    using SafeERC20 for IERC20;

    /* TYPES */

    /// @notice May have lines paid.
    bytes32 public constant OPERATOR_ROLE = keccak256("OPERATOR_ROLE");
    /// @notice May pause.
    bytes32 public constant PAUSER_ROLE = keccak256("PAUSER_ROLE");
    /// @notice Stands for the native coin where an asset is named.
    address public constant NATIVE = address(0);

    /// @dev What is owed to whom, as line `index` of a list.
    struct Line {
        bytes32 opId;
        bytes32 listId;
        uint256 index;
        address asset;
        address payee;
        uint256 amount;
    }

    /* STORAGE */

    bytes32 private immutable _kind;
    mapping(bytes32 listId => mapping(uint256 word => uint256 lines)) private _settledLines;
    /// @inheritdoc ILinePayments
    mapping(address payee => mapping(address asset => uint256)) public unclaimed;
    /// @inheritdoc ILinePayments
    mapping(address asset => uint256) public unclaimedTotal;

    /* CONSTRUCTOR */

    /// @param kind What these lists are, in the ids of their operations.
    /// @param admin Receives DEFAULT_ADMIN_ROLE and nothing else; it grants the other roles.
    constructor(bytes32 kind, address admin) {
        _kind = kind;
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /* EXTERNAL */

    /// @inheritdoc ILinePayments
    function pause() external onlyRole(PAUSER_ROLE) {
        _pause();
    }

    /// @inheritdoc ILinePayments
    function unpause() external onlyRole(DEFAULT_ADMIN_ROLE) {
        _unpause();
    }

    /// @inheritdoc ILinePayments
    function withdrawUnclaimed(address asset, address to) external whenNotPaused nonReentrant {
        if (!_isRecipient(to, asset)) revert InvalidRecipient(to);
        _requireNotHeld(to);
        _payUnclaimed(msg.sender, asset, to);
    }

    /// @inheritdoc ILinePayments
    function pushUnclaimed(address payee, address asset) external whenNotPaused nonReentrant {
        _payUnclaimed(payee, asset, payee);
    }

    /* VIEWS */

    /// @inheritdoc ILinePayments
    function operationIdOf(bytes32 listId, uint256 index) public view returns (bytes32) {
        return OperationLib.operationId(block.chainid, address(this), _kind, listId, index);
    }

    /// @inheritdoc ILinePayments
    function isSettled(bytes32 listId, uint256 index) external view returns (bool) {
        return _settledLines[listId][index >> 8] & _bitOf(index) != 0;
    }

    /// @inheritdoc ILinePayments
    function settledLines(bytes32 listId, uint256 word) external view returns (uint256) {
        return _settledLines[listId][word];
    }

    /* INTERNALS */

    function _settledLinesOf(bytes32 listId)
        internal
        view
        returns (mapping(uint256 word => uint256 lines) storage)
    {
        return _settledLines[listId];
    }

    /// @dev Where memory is free. With `_releaseMemory` at the start of each line a batch's memory
    /// does not grow with its lines, and the price of memory grows with its square.
    function _freeMemory() internal pure returns (uint256 pointer) {
        assembly ("memory-safe") {
            pointer := mload(0x40)
        }
    }

    /// @dev Gives up all that was put into memory since it was free at `pointer`.
    function _releaseMemory(uint256 pointer) internal pure {
        assembly ("memory-safe") {
            mstore(0x40, pointer)
        }
    }

    /// @dev Reports a line that is not due; never reverts, so one line cannot stop a batch.
    function _isSkipped(mapping(uint256 word => uint256 lines) storage settled, Line memory line)
        internal
        returns (bool)
    {
        SkipReason reason = _reasonToSkip(settled, line);
        if (reason == SkipReason.None) return false;
        emit LineSkipped(
            line.opId, line.listId, line.payee, line.index, line.asset, line.amount, uint8(reason)
        );
        return true;
    }

    /// @dev Settles a line that is due. It counts as settled before the money moves; only what
    /// depends on the payee's answer comes after.
    function _settle(mapping(uint256 word => uint256 lines) storage settled, Line memory line)
        internal
    {
        settled[line.index >> 8] |= _bitOf(line.index);
        bool sent = line.asset == NATIVE
            ? IsolatedValue.trySend(line.payee, line.amount)
            : Isolated.trySend(line.asset, line.payee, line.amount);
        if (sent) {
            emit LinePaid(line.opId, line.listId, line.payee, line.index, line.asset, line.amount);
            return;
        }
        unclaimed[line.payee][line.asset] += line.amount;
        unclaimedTotal[line.asset] += line.amount;
        emit LineUnclaimed(line.opId, line.listId, line.payee, line.index, line.asset, line.amount);
    }

    /// @dev False where money would be lost, or would count as our own again.
    function _isRecipient(address to, address asset) internal view returns (bool) {
        return to != address(0) && to != asset && to != address(this);
    }

    function _reasonToSkip(mapping(uint256 word => uint256 lines) storage settled, Line memory line)
        private
        view
        returns (SkipReason)
    {
        if (settled[line.index >> 8] & _bitOf(line.index) != 0) return SkipReason.Settled;
        if (line.amount == 0 || !_isRecipient(line.payee, line.asset)) return SkipReason.Malformed;
        if (isHeld(line.payee)) return SkipReason.PayeeHeld;
        return SkipReason.None;
    }

    function _bitOf(uint256 index) private pure returns (uint256) {
        return 1 << (index & 0xff);
    }

    /// @dev Unlike a line this must succeed or revert: the money has nowhere else to go.
    function _payUnclaimed(address payee, address asset, address to) private {
        _requireNotHeld(payee);
        uint256 amount = unclaimed[payee][asset];
        if (amount == 0) revert NothingUnclaimed(payee, asset);
        unclaimed[payee][asset] = 0;
        emit UnclaimedWithdrawn(payee, asset, to, amount);
        if (asset == NATIVE) {
            Address.sendValue(payable(to), amount);
        } else {
            IERC20(asset).safeTransfer(to, amount);
        }
        unclaimedTotal[asset] -= amount;
    }
}
