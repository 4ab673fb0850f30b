// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Holds over payees
/// @notice A held account is paid nothing until the hold is lifted or expires. Its money stays
/// where it is: lines of leaves stay open, unclaimed money stays unclaimed, escrow stays in escrow.
interface IPayeeHolds {
    /* ERRORS */

    /// @notice A hold must name its reason.
    error HoldWithoutReason(address account);
    /// @notice A hold expires after now, and not after `latest`.
    error HoldExpiryOutOfRange(uint64 expiresAt, uint64 latest);
    /// @notice No hold stands over the account.
    error AccountNotHeld(address account);
    /// @notice The account is held until `expiresAt`.
    error AccountHeld(address account, uint64 expiresAt);

    /* EVENTS */

    /// @notice `account` is held until `expiresAt`, whatever stood before.
    event PayeeHoldPlaced(address indexed account, bytes32 indexed reasonDigest, uint64 expiresAt);
    /// @notice `account` is held no longer.
    event PayeeHoldLifted(address indexed account);

    /* EXTERNAL */

    /// @notice Holds `account` at once, also while paused; for COMPLIANCE_ROLE. Replaces a standing
    /// hold.
    /// @param expiresAt First second at which the account is held no longer; at most
    /// `HOLD_DURATION_MAX` from now.
    function placeHold(address account, bytes32 reasonDigest, uint64 expiresAt) external;

    /// @notice Lifts the hold over `account` at once, also while paused; for COMPLIANCE_ROLE.
    function liftHold(address account) external;

    /* VIEWS */

    /// @notice Whether a hold stands over `account` now.
    function isHeld(address account) external view returns (bool);

    /// @notice First second at which `account` is held no longer; zero if it never was or the hold
    /// was lifted.
    function heldUntil(address account) external view returns (uint64);
}
