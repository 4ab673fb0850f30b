// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";

import {IPayeeHolds} from "./IPayeeHolds.sol";

/// @title Holds over payees, which act at once and expire by themselves
abstract contract PayeeHolds is IPayeeHolds, AccessControl {
    /* TYPES */

    /// @notice May place and lift holds.
    bytes32 public constant COMPLIANCE_ROLE = keccak256("COMPLIANCE_ROLE");
    /// @notice Longest hold; a longer one must be placed again, with a reason.
    uint64 public constant HOLD_DURATION_MAX = 366 days;

    /* STORAGE */

    /// @inheritdoc IPayeeHolds
    mapping(address account => uint64) public heldUntil;

    /* EXTERNAL */

    /// @inheritdoc IPayeeHolds
    function placeHold(address account, bytes32 reasonDigest, uint64 expiresAt)
        external
        onlyRole(COMPLIANCE_ROLE)
    {
        if (reasonDigest == bytes32(0)) revert HoldWithoutReason(account);
        uint64 latest = uint64(block.timestamp) + HOLD_DURATION_MAX;
        if (expiresAt <= block.timestamp || expiresAt > latest) {
            revert HoldExpiryOutOfRange(expiresAt, latest);
        }
        heldUntil[account] = expiresAt;
        emit PayeeHoldPlaced(account, reasonDigest, expiresAt);
    }

    /// @inheritdoc IPayeeHolds
    function liftHold(address account) external onlyRole(COMPLIANCE_ROLE) {
        if (!isHeld(account)) revert AccountNotHeld(account);
        heldUntil[account] = 0;
        emit PayeeHoldLifted(account);
    }

    /* VIEWS */

    /// @inheritdoc IPayeeHolds
    function isHeld(address account) public view returns (bool) {
        return block.timestamp < heldUntil[account];
    }

    /* INTERNALS */

    function _requireNotHeld(address account) internal view {
        if (isHeld(account)) revert AccountHeld(account, heldUntil[account]);
    }
}
