// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Verdicts over works
/// @notice What the settlement asks of a registry before it pays a leaf.
interface IWorkVerdicts {
    /// @notice Whether a verdict stands over `workId` now; false for an unknown work.
    function isUnderVerdict(bytes32 workId) external view returns (bool);
}
