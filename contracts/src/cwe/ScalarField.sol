// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The scalar field of BN254
/// @notice Ids that a proof takes as public input must be canonical: an id and the id plus the
/// field's order are one element to the proof, but two works to a registry.
library ScalarField {
    /// @notice Order of the field.
    uint256 internal constant ORDER =
        21888242871839275222246405745257275088548364400416034343698204186575808495617;

    /// @notice Whether `value` is below the field's order.
    function isCanonical(bytes32 value) internal pure returns (bool) {
        return uint256(value) < ORDER;
    }

    /// @notice `value` reduced below the field's order.
    function reduce(bytes32 value) internal pure returns (bytes32) {
        return bytes32(uint256(value) % ORDER);
    }
}
