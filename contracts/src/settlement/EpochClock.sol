// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The settlement's division of time into epochs
/// @notice Epoch e covers [startOf(e), endOf(e)) by block timestamp. The clock is immutable; every
/// other contract of a settlement reads this one, so no two of them can disagree about an epoch.
/// @dev The clock starts no later than its deployment, so every later transaction falls in an
/// epoch.
///
///     startOf(e)                 endOf(e) = startOf(e + 1)
///        |------- epoch e -----------|------- epoch e + 1 -------|
///        |<---- usage of e is accepted ---->|
///                                    |<grace>|
///                                           ^ graceEndOf(e): e may be committed from here on
contract EpochClock {
    /* ERRORS */

    /// @notice An epoch must last at least one second.
    error LengthIsZero();
    /// @notice The grace period must end before the epoch that follows does.
    error GraceNotBelowLength(uint64 grace, uint64 length);
    /// @notice The clock may not start after its deployment.
    error GenesisInFuture(uint64 genesis, uint64 timestamp);
    /// @notice No epoch covers a time before genesis.
    error BeforeGenesis(uint64 timestamp, uint64 genesis);

    /* EVENTS */

    /// @notice The clock was deployed; all times are Unix seconds.
    event EpochClockStarted(uint64 genesis, uint64 length, uint64 grace);

    /* STORAGE */

    /// @notice Start of epoch 0, Unix seconds.
    uint64 public immutable genesis;
    /// @notice Seconds in one epoch.
    uint64 public immutable length;
    /// @notice Seconds after the end of an epoch in which its usage is still accepted.
    uint64 public immutable grace;

    /* CONSTRUCTOR */

    constructor(uint64 genesis_, uint64 length_, uint64 grace_) {
        if (length_ == 0) revert LengthIsZero();
        if (grace_ >= length_) revert GraceNotBelowLength(grace_, length_);
        if (genesis_ > block.timestamp) revert GenesisInFuture(genesis_, uint64(block.timestamp));
        genesis = genesis_;
        length = length_;
        grace = grace_;
        emit EpochClockStarted(genesis_, length_, grace_);
    }

    /* VIEWS */

    /// @notice The epoch that covers the current block.
    function currentEpoch() public view returns (uint64) {
        return epochAt(uint64(block.timestamp));
    }

    /// @notice The epoch that covers `timestamp`.
    function epochAt(uint64 timestamp) public view returns (uint64) {
        if (timestamp < genesis) revert BeforeGenesis(timestamp, genesis);
        return (timestamp - genesis) / length;
    }

    /// @notice First second of `epoch`.
    function startOf(uint64 epoch) public view returns (uint64) {
        return genesis + epoch * length;
    }

    /// @notice First second after `epoch`.
    function endOf(uint64 epoch) public view returns (uint64) {
        return startOf(epoch) + length;
    }

    /// @notice First second at which `epoch` accepts nothing any more and may be committed.
    function graceEndOf(uint64 epoch) public view returns (uint64) {
        return endOf(epoch) + grace;
    }

    /// @notice Whether usage for `epoch` may be submitted now: the current epoch, or the one before
    /// it while its grace period lasts.
    function acceptsUsage(uint64 epoch) external view returns (bool) {
        uint64 current = currentEpoch();
        // Numbers of epochs, not instants: equal for as long as the epoch lasts.
        // slither-disable-next-line incorrect-equality
        if (epoch == current) return true;
        // slither-disable-next-line incorrect-equality
        return current != 0 && epoch == current - 1 && block.timestamp < graceEndOf(epoch);
    }

    /// @notice Whether money for `epoch` may be paid in now: the current epoch or the next one.
    function acceptsPayment(uint64 epoch) external view returns (bool) {
        uint64 current = currentEpoch();
        // Numbers of epochs, not instants: equal for as long as the epoch lasts.
        // slither-disable-next-line incorrect-equality
        return epoch == current || epoch == current + 1;
    }
}
