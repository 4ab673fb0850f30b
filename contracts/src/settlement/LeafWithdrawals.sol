// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";

import {EpochBooks} from "./EpochBooks.sol";
import {ILeafWithdrawals} from "./ILeafWithdrawals.sol";
import {Isolated} from "./Isolated.sol";
import {IWorkVerdicts} from "./IWorkVerdicts.sol";
import {Leaf, LeafLib} from "./LeafLib.sol";
import {PayeeHolds} from "./PayeeHolds.sol";

/// @title Payment of leaves, line by line
abstract contract LeafWithdrawals is
    ILeafWithdrawals,
    EpochBooks,
    PayeeHolds,
    Pausable,
    ReentrancyGuard
{
    using SafeERC20 for IERC20;

    /* TYPES */

    /// @notice Most lines of one leaf: one bit each in its paid flags.
    uint256 public constant SPLIT_LINES_MAX = 32;

    /// @dev What a withdrawal would settle. Decided before money moves, so that a hold placed by
    /// a callback changes nothing half-way.
    /// @param settledLines Lines settled before, one bit each.
    /// @param dueLines Lines that are neither settled nor held, one bit each.
    /// @param amount Sum of the due lines.
    struct Due {
        bytes32 leafKey;
        bytes32 leafHash;
        uint32 settledLines;
        uint32 dueLines;
        uint256 amount;
    }

    /* STORAGE */

    /// @notice The registry that is asked for verdicts.
    IWorkVerdicts public immutable registry;

    /* CONSTRUCTOR */

    constructor(IWorkVerdicts registry_) {
        registry = registry_;
    }

    /* EXTERNAL */

    /// @inheritdoc ILeafWithdrawals
    function withdraw(Withdrawal calldata withdrawal) external whenNotPaused nonReentrant {
        Withdrawal memory w = withdrawal;
        (Refusal refusal, Due memory due) = _examine(w);
        if (refusal != Refusal.None) revert WithdrawalRefused(refusal);
        _settle(w, due);
    }

    /// @inheritdoc ILeafWithdrawals
    function withdrawBatch(Withdrawal[] calldata withdrawals) external whenNotPaused nonReentrant {
        for (uint256 i = 0; i < withdrawals.length; ++i) {
            _settleOrReport(withdrawals[i]);
        }
    }

    /// @inheritdoc ILeafWithdrawals
    function withdrawWork(bytes32 workId, EpochLeaf[] calldata leaves)
        external
        whenNotPaused
        nonReentrant
    {
        for (uint256 i = 0; i < leaves.length; ++i) {
            EpochLeaf calldata leaf = leaves[i];
            _settleOrReport(
                Withdrawal({
                    epoch: leaf.epoch,
                    workId: workId,
                    part: leaf.part,
                    asset: leaf.asset,
                    payees: leaf.payees,
                    amounts: leaf.amounts,
                    proof: leaf.proof
                })
            );
        }
    }

    /// @inheritdoc ILeafWithdrawals
    function withdrawUnclaimed(address asset, address to) external whenNotPaused nonReentrant {
        _requireRecipient(to, asset);
        _requireNotHeld(to);
        _payUnclaimed(msg.sender, asset, to);
    }

    /// @inheritdoc ILeafWithdrawals
    function pushUnclaimed(address payee, address asset) external whenNotPaused nonReentrant {
        _payUnclaimed(payee, asset, payee);
    }

    /* INTERNALS: CHECKS */

    /// @dev Never reverts on well-formed calldata, so one bad withdrawal cannot stop a batch.
    function _examine(Withdrawal memory w) private view returns (Refusal refusal, Due memory due) {
        if (_statusOf(w.epoch) != EpochStatus.Active) return (Refusal.EpochNotActive, due);
        if (registry.isUnderVerdict(w.workId)) return (Refusal.WorkUnderVerdict, due);
        (bool isWellFormed, uint256 total) = _sumOfSplit(w);
        if (!isWellFormed) return (Refusal.MalformedSplit, due);
        due.leafHash = _leafHash(w, total);
        if (!_isProved(w.epoch, due.leafHash, w.proof)) return (Refusal.BadProof, due);
        due.leafKey = LeafLib.key(w.epoch, w.workId, w.part, w.asset);
        due.settledLines = _settledLines(due.leafKey, due.leafHash);
        uint32 openLines = _linesOf(w) & ~due.settledLines;
        if (openLines == 0) return (Refusal.AlreadyWithdrawn, due);
        (due.dueLines, due.amount) = _unheld(w, openLines);
        if (due.amount > _sumsOf(w.epoch, w.asset).remaining) {
            return (Refusal.ExceedsRemaining, due);
        }
        if (due.dueLines == 0) return (Refusal.AllLinesHeld, due);
        return (Refusal.None, due);
    }

    function _sumOfSplit(Withdrawal memory w) private view returns (bool, uint256) {
        uint256 lines = w.payees.length;
        if (lines == 0 || lines > SPLIT_LINES_MAX || lines != w.amounts.length) return (false, 0);
        uint256 sum = 0;
        address previous = address(0);
        for (uint256 i = 0; i < lines; ++i) {
            address payee = w.payees[i];
            uint256 amount = w.amounts[i];
            if (payee <= previous || payee == w.asset || payee == address(this)) return (false, 0);
            if (amount == 0 || amount > type(uint256).max - sum) return (false, 0);
            sum += amount;
            previous = payee;
        }
        return (true, sum);
    }

    function _leafHash(Withdrawal memory w, uint256 amount) private view returns (bytes32) {
        Leaf memory leaf = Leaf({
            epoch: w.epoch,
            workId: w.workId,
            part: w.part,
            asset: w.asset,
            amount: amount,
            splitHash: LeafLib.splitHash(w.payees, w.amounts)
        });
        return LeafLib.hash(leaf, block.chainid, address(this));
    }

    /// @dev One bit for each line, whether settled or not.
    function _linesOf(Withdrawal memory w) private pure returns (uint32) {
        return uint32(type(uint32).max >> (SPLIT_LINES_MAX - w.payees.length));
    }

    /// @dev Those of `lines` whose payee is not held, and their sum.
    function _unheld(Withdrawal memory w, uint32 lines)
        private
        view
        returns (uint32 unheld, uint256 amount)
    {
        for (uint256 line = 0; line < w.payees.length; ++line) {
            uint32 bit = uint32(1 << line);
            if (lines & bit == 0 || isHeld(w.payees[line])) continue;
            unheld |= bit;
            amount += w.amounts[line];
        }
    }

    /* INTERNALS: MONEY */

    function _settleOrReport(Withdrawal memory w) private {
        (Refusal refusal, Due memory due) = _examine(w);
        if (refusal == Refusal.None) {
            _settle(w, due);
            return;
        }
        bytes32 opId = _operationId(w.epoch, w.workId, w.part, w.asset);
        emit WithdrawRefused(opId, w.epoch, w.workId, w.part, w.asset, uint8(refusal));
    }

    /// @dev `accounted` drops after the transfers, by what they moved: during re-entry this
    /// contract looks poorer than it is, never richer.
    function _settle(Withdrawal memory w, Due memory due) private {
        _setSettledLines(due.leafKey, due.leafHash, due.settledLines | due.dueLines);
        _sumsOf(w.epoch, w.asset).remaining -= due.amount;
        bytes32 opId = _operationId(w.epoch, w.workId, w.part, w.asset);
        emit LeafWithdrawn(opId, w.epoch, w.workId, w.part, w.asset, due.amount);
        uint256 paid = 0;
        for (uint32 line = 0; line < w.payees.length; ++line) {
            uint32 bit = uint32(1 << line);
            address payee = w.payees[line];
            uint256 amount = w.amounts[line];
            if (due.dueLines & bit != 0) {
                paid += _payLine(opId, w.asset, payee, amount, line);
            } else if (due.settledLines & bit == 0) {
                emit PayeeHeld(opId, payee, w.asset, amount, line);
            }
        }
        accounted[w.asset] -= paid;
    }

    function _payLine(bytes32 opId, address asset, address payee, uint256 amount, uint32 line)
        private
        returns (uint256 paid)
    {
        if (Isolated.trySend(asset, payee, amount)) {
            emit PayeePaid(opId, payee, asset, amount, line);
            return amount;
        }
        unclaimed[payee][asset] += amount;
        emit PayeeUnclaimed(opId, payee, asset, amount, line);
        return 0;
    }

    /// @dev Unlike a line of a leaf this must succeed or revert: the money has nowhere else to go.
    function _payUnclaimed(address payee, address asset, address to) private {
        _requireNotHeld(payee);
        uint256 amount = unclaimed[payee][asset];
        if (amount == 0) revert NothingUnclaimed(payee, asset);
        unclaimed[payee][asset] = 0;
        emit UnclaimedWithdrawn(payee, asset, to, amount);
        IERC20(asset).safeTransfer(to, amount);
        accounted[asset] -= amount;
    }
}
