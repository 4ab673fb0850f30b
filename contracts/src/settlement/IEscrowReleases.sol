// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Money that waits for its beneficiary
/// @notice What a work earned before its creator came, or while a dispute stands, is a leaf of its
/// own: one line that pays this settlement. It leaves escrow once, to the beneficiary or, if none
/// was found in `escrowExpiry`, into the unallocated money of its epoch.
interface IEscrowReleases {
    /* TYPES */

    /// @notice An escrow leaf, opened; its part is 0 and its one line is (settlement, amount).
    struct EscrowLeaf {
        uint64 epoch;
        bytes32 escrowId;
        address asset;
        uint256 amount;
        bytes32[] proof;
    }

    /* ERRORS */

    /// @notice The id is not one of escrow.
    error NotAnEscrow(bytes32 escrowId);
    /// @notice The epoch's root does not contain this escrow leaf.
    error EscrowNotProved(uint64 epoch, bytes32 escrowId);
    /// @notice The escrow was released or has expired.
    error EscrowAlreadySettled(uint64 epoch, bytes32 escrowId, address asset);
    /// @notice The root promises more than is left in the escrow of its epoch.
    error ExceedsEscrowed(uint256 amount, uint256 escrowed);
    /// @notice Nobody is entitled to the escrow now.
    error NoBeneficiary(bytes32 escrowId);
    /// @notice Somebody is entitled to the escrow, or may be once a claim is decided.
    error EscrowIsClaimed(bytes32 escrowId);
    /// @notice The escrow has not expired yet.
    error EscrowNotExpired(uint64 expiresAt, uint64 timestamp);
    /// @notice Escrow needs some time to be claimed in.
    error EscrowExpiryIsZero();

    /* EVENTS */

    /// @notice The escrow became unclaimed money of its beneficiary.
    event EscrowReleased(
        bytes32 indexed opId,
        uint64 indexed epoch,
        bytes32 indexed escrowId,
        address asset,
        address beneficiary,
        uint256 amount
    );
    /// @notice Nobody claimed the escrow in time; it became unallocated.
    event EscrowExpired(
        bytes32 indexed opId,
        uint64 indexed epoch,
        bytes32 indexed escrowId,
        address asset,
        uint256 amount
    );

    /* EXTERNAL */

    /// @notice Makes an escrow its beneficiary's unclaimed money, for whoever asks. A held
    /// beneficiary is refused.
    function releaseEscrow(EscrowLeaf calldata leaf) external;

    /// @notice Makes an escrow unallocated, for whoever asks, once `escrowExpiry` has passed since
    /// the epoch became active and nobody has a claim.
    /// @dev Stopped by a pause, as a release is: nobody loses money by a pause.
    function expireEscrow(EscrowLeaf calldata leaf) external;

    /* VIEWS */

    /// @notice Seconds in which escrow can be claimed, from the activation of its epoch.
    function escrowExpiry() external view returns (uint64);
}
