// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";

import {EpochBooks} from "./EpochBooks.sol";
import {GuardianSet} from "./GuardianSet.sol";
import {IUnallocatedTransfers} from "./IUnallocatedTransfers.sol";
import {OperationLib} from "./OperationLib.sol";
import {PayeeHolds} from "./PayeeHolds.sol";

/// @title Announced transfers of money that belongs to nobody
abstract contract UnallocatedTransfers is
    IUnallocatedTransfers,
    EpochBooks,
    GuardianSet,
    PayeeHolds,
    Pausable,
    ReentrancyGuard
{
    using SafeERC20 for IERC20;

    /* TYPES */

    /// @dev An announced transfer; all fields are zero once it was made or cancelled.
    struct UnallocatedTransfer {
        uint64 epoch;
        uint64 applicableAt;
        address asset;
        address to;
        uint256 amount;
    }

    /* STORAGE */

    /// @inheritdoc IUnallocatedTransfers
    mapping(bytes32 transferId => UnallocatedTransfer) public unallocatedTransferOf;
    uint256 private _announced;

    /* EXTERNAL */

    /// @inheritdoc IUnallocatedTransfers
    function announceUnallocatedTransfer(uint64 epoch, address asset, address to, uint256 amount)
        external
        onlyRole(DEFAULT_ADMIN_ROLE)
        returns (bytes32 transferId)
    {
        _requireActive(epoch);
        _requireRecipient(to, asset);
        if (amount == 0) revert TransferOfNothing();
        AssetSums storage sums = _sumsOf(epoch, asset);
        uint256 available = sums.unallocated - sums.reserved;
        if (amount > available) revert ExceedsUnallocated(amount, available);
        sums.reserved += amount;
        transferId = OperationLib.transferId(block.chainid, address(this), epoch, _announced++);
        uint64 applicableAt = uint64(block.timestamp) + governanceDelay;
        unallocatedTransferOf[transferId] =
            UnallocatedTransfer(epoch, applicableAt, asset, to, amount);
        emit UnallocatedTransferAnnounced(transferId, epoch, asset, to, amount, applicableAt);
    }

    /// @inheritdoc IUnallocatedTransfers
    function applyUnallocatedTransfer(bytes32 transferId) external whenNotPaused nonReentrant {
        UnallocatedTransfer memory transfer = _remove(transferId);
        _requireApplicable(transfer.applicableAt);
        _requireNotHeld(transfer.to);
        _sumsOf(transfer.epoch, transfer.asset).unallocated -= transfer.amount;
        emit UnallocatedTransferred(
            transferId, transfer.epoch, transfer.asset, transfer.to, transfer.amount
        );
        IERC20(transfer.asset).safeTransfer(transfer.to, transfer.amount);
        accounted[transfer.asset] -= transfer.amount;
    }

    /// @inheritdoc IUnallocatedTransfers
    function cancelUnallocatedTransfer(bytes32 transferId) external {
        if (!_isGuardianOrAdmin(msg.sender)) revert MayNotCancel(msg.sender);
        _remove(transferId);
        emit UnallocatedTransferCancelled(transferId, msg.sender);
    }

    /* VIEWS */

    /// @inheritdoc IUnallocatedTransfers
    function unallocatedReserved(uint64 epoch, address asset) external view returns (uint256) {
        return _sumsOf(epoch, asset).reserved;
    }

    /* INTERNALS */

    /// @dev Ends the announcement and its reservation.
    function _remove(bytes32 transferId) private returns (UnallocatedTransfer memory transfer) {
        transfer = unallocatedTransferOf[transferId];
        // Zero says that nothing is announced; an announced amount is positive.
        // slither-disable-next-line incorrect-equality
        if (transfer.amount == 0) revert TransferNotAnnounced(transferId);
        delete unallocatedTransferOf[transferId];
        _sumsOf(transfer.epoch, transfer.asset).reserved -= transfer.amount;
    }
}
