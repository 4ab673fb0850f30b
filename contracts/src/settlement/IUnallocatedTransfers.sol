// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Announced transfers of money that belongs to nobody
/// @notice The administrator announces who shall receive unallocated money of an epoch; after
/// `governanceDelay` anyone makes the transfer. Until then the administrator or any one guardian
/// may cancel it.
interface IUnallocatedTransfers {
    /* ERRORS */

    /// @notice A transfer moves something.
    error TransferOfNothing();
    /// @notice More than is unallocated and not promised to another transfer.
    error ExceedsUnallocated(uint256 amount, uint256 available);
    /// @notice No such transfer is announced.
    error TransferNotAnnounced(bytes32 transferId);
    /// @notice The account may not cancel transfers.
    error MayNotCancel(address account);

    /* EVENTS */

    /// @notice From `applicableAt` on, anyone may have `amount` sent to `to`.
    event UnallocatedTransferAnnounced(
        bytes32 indexed transferId,
        uint64 indexed epoch,
        address indexed asset,
        address to,
        uint256 amount,
        uint64 applicableAt
    );
    /// @notice The announced transfer will not be made.
    event UnallocatedTransferCancelled(bytes32 indexed transferId, address by);
    /// @notice The announced transfer was made.
    event UnallocatedTransferred(
        bytes32 indexed transferId,
        uint64 indexed epoch,
        address indexed asset,
        address to,
        uint256 amount
    );

    /* EXTERNAL */

    /// @notice Announces a transfer of unallocated money of an active epoch, and reserves it; for
    /// the administrator.
    function announceUnallocatedTransfer(uint64 epoch, address asset, address to, uint256 amount)
        external
        returns (bytes32 transferId);

    /// @notice Makes an announced transfer, for whoever asks; a held recipient is refused.
    function applyUnallocatedTransfer(bytes32 transferId) external;

    /// @notice Cancels an announced transfer, also while paused; for the administrator and any
    /// guardian.
    function cancelUnallocatedTransfer(bytes32 transferId) external;

    /* VIEWS */

    /// @notice An announced transfer; zero once it was made or cancelled.
    function unallocatedTransferOf(bytes32 transferId)
        external
        view
        returns (uint64 epoch, uint64 applicableAt, address asset, address to, uint256 amount);

    /// @notice The part of `unallocated` that is promised to announced transfers.
    function unallocatedReserved(uint64 epoch, address asset) external view returns (uint256);
}
