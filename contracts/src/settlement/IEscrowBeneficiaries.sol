// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Whom money in escrow belongs to
/// @notice What the settlement asks before it releases or expires an escrow leaf.
interface IEscrowBeneficiaries {
    /// @notice Whom `escrowId` belongs to now; zero while that is open or nobody claims it.
    function beneficiaryOf(bytes32 escrowId) external view returns (address);

    /// @notice Whether a claim to `escrowId` stands that is not decided yet.
    function isClaimOpen(bytes32 escrowId) external view returns (bool);
}
