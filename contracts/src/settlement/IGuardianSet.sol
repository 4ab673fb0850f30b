// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The guardians and how they are replaced
/// @notice The administrator announces another set; after `governanceDelay` anyone puts it in
/// office. Until then the administrator, or a quorum of the guardians in office, may cancel it: no
/// single guardian can block its own removal, and no stolen administrator key can install a set
/// that the guardians object to.
///
///     announceGuardians ---- governanceDelay ----> applyGuardians: guardianSet + 1
///             +--- cancelGuardians (admin or quorum)
interface IGuardianSet {
    /* TYPES */

    /// @notice One guardian's signature over a digest: 65 bytes of ECDSA, or whatever the
    /// guardian's own code accepts (ERC-1271).
    struct GuardianSignature {
        address signer;
        bytes signature;
    }

    /* ERRORS */

    /// @notice Guardians must be given in strictly ascending order and without zero.
    error GuardiansNotAscending(address previous, address guardian);
    /// @notice The threshold must be a majority of the guardians.
    error ThresholdNotMajority(uint32 threshold, uint256 guardians);
    /// @notice A set has at most `maximum` guardians.
    error TooManyGuardians(uint256 guardians, uint256 maximum);
    /// @notice One announcement at a time.
    error GuardiansAlreadyAnnounced(bytes32 announcement);
    /// @notice This is not the announcement that stands.
    error GuardiansNotAnnounced(bytes32 announcement);
    /// @notice The announced change cannot be applied yet.
    error NotApplicableYet(uint64 applicableAt, uint64 timestamp);

    /// @notice Fewer signatures than the threshold.
    error BelowThreshold(uint256 signatures, uint32 threshold);
    /// @notice Signatures must be ordered by strictly ascending signer.
    error SignersNotAscending(address previous, address signer);
    /// @notice The signer is no guardian.
    error NotAGuardian(address signer);
    /// @notice The signature is not the signer's over this digest.
    error SignatureInvalid(address signer);

    /* EVENTS */

    /// @notice `guardians` are in office; `threshold` of them approve an epoch.
    event GuardianSetChanged(uint32 indexed guardianSet, uint32 threshold, address[] guardians);
    /// @notice From `applicableAt` on, anyone may put `guardians` in office.
    event GuardiansAnnounced(
        bytes32 indexed announcement, uint64 applicableAt, uint32 threshold, address[] guardians
    );
    /// @notice The announced guardians will not take office; `by` is the administrator, or relayed
    /// a quorum's signatures.
    event GuardiansCancelled(bytes32 indexed announcement, address by);

    /* EXTERNAL */

    /// @notice Announces the next guardian set; for the administrator.
    /// @param guardians Strictly ascending; `threshold` must be a majority of them.
    function announceGuardians(address[] calldata guardians, uint32 threshold)
        external
        returns (bytes32 announcement);

    /// @notice Puts the announced guardians in office, for whoever asks, also while paused.
    /// @dev Approvals signed by the former set are void. A pending epoch stays pending and can be
    /// vetoed by the new set; one that was pending at the announcement is active by now, because
    /// the delay is longer than the veto window.
    function applyGuardians() external;

    /// @notice Cancels the announcement, also while paused.
    /// @param signatures Over `cancellationDigest`, by strictly ascending signer, at least
    /// `threshold` of them; empty if the caller is the administrator.
    function cancelGuardians(bytes32 announcement, GuardianSignature[] calldata signatures) external;

    /* VIEWS */

    /// @notice EIP-712 digest (`CancelGuardians`) that guardians in office sign to cancel.
    function cancellationDigest(bytes32 announcement) external view returns (bytes32);

    /// @notice The announcement that stands, without its guardians, who are in its event; zero while
    /// none stands.
    function announcedGuardians()
        external
        view
        returns (bytes32 announcement, uint64 applicableAt, uint32 threshold);

    /// @notice Guardians in office, ascending.
    function guardians() external view returns (address[] memory);

    /// @notice Whether `account` is a guardian in office.
    function isGuardian(address account) external view returns (bool);

    /// @notice Number of guardians that approve an epoch.
    function threshold() external view returns (uint32);

    /// @notice Number of the guardian set in office, from 1.
    function guardianSet() external view returns (uint32);

    /// @notice Seconds between the announcement of a privileged change and its application.
    function governanceDelay() external view returns (uint64);
}
