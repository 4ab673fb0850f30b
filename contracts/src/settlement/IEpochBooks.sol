// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What the settlement holds, for which epoch and for whom
interface IEpochBooks {
    /* TYPES */

    /// @notice Where an epoch stands. Pending becomes active by time alone.
    enum EpochStatus {
        None,
        Pending,
        Active
    }

    /// @notice An epoch as committed; root, digest and activeAt are zero while there is no commit.
    struct EpochState {
        bytes32 root;
        bytes32 manifestDigest;
        uint64 activeAt;
        uint32 attempt;
        EpochStatus status;
    }

    /* ERRORS */

    /// @notice Money of the epoch moves only once it is active.
    error EpochNotActive(uint64 epoch);
    /// @notice Money cannot be sent there.
    error InvalidRecipient(address to);

    /* VIEWS */

    /// @notice State of an epoch at the current block.
    function epochOf(uint64 epoch) external view returns (EpochState memory);

    /// @notice The attempt that the next approval of `epoch` must name.
    function attemptOf(uint64 epoch) external view returns (uint32);

    /// @notice Assets paid in for `epoch`, by first payment.
    function assetsOf(uint64 epoch) external view returns (address[] memory);

    /// @notice Paid in for `epoch`, never reduced.
    function paidIn(uint64 epoch, address asset) external view returns (uint256);

    /// @notice Carried into `epoch` from unallocated money; always zero in this version.
    function carriedIn(uint64 epoch, address asset) external view returns (uint256);

    /// @notice Allocated to works or charged as fees in `epoch`, and not settled yet.
    function remaining(uint64 epoch, address asset) external view returns (uint256);

    /// @notice Held in `epoch` for whoever turns out to be entitled.
    function escrowed(uint64 epoch, address asset) external view returns (uint256);

    /// @notice What belongs to nobody: left by the commit of `epoch`, or expired from its escrow.
    function unallocated(uint64 epoch, address asset) external view returns (uint256);

    /// @notice Set aside for `payee`: after a refused transfer, or released from escrow.
    function unclaimed(address payee, address asset) external view returns (uint256);

    /// @notice All that this contract holds for somebody in `asset`.
    function accounted(address asset) external view returns (uint256);

    /// @notice Settled lines of a leaf: bit i is set once line i is paid or unclaimed; of an escrow
    /// leaf bit 0 is set once it is released or expired.
    function paidLines(uint64 epoch, bytes32 workId, uint32 part, address asset)
        external
        view
        returns (uint32);
}
