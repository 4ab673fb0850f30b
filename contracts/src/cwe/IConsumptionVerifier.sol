// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Verifier of consumption
/// @notice Answers whether `proof` shows that the usage behind `digest` took place.
interface IConsumptionVerifier {
    /// @param epoch Epoch of the usage.
    /// @param part Which of the submitter's submissions for the epoch this is.
    /// @param submitter Who submits; the proof must be bound to it, or it could be copied.
    /// @param digest Commits to the whole usage, below the BN254 scalar field's order.
    /// @param proof Opaque to the caller. A bad one is answered by false, not by a revert.
    function verify(
        uint64 epoch,
        uint16 part,
        address submitter,
        bytes32 digest,
        bytes calldata proof
    ) external view returns (bool);
}
