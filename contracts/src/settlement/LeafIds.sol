// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Ids of leaves that are no work's
/// @notice The top byte of a leaf's id says what it is: 0 a registered work, 1 the fees of an
/// epoch, 2 escrow for a content nobody is paid for, 3 what could not be paid for a work. Mirrors
/// `contracts/leaves.py`.
/// @dev Every id is below the BN254 scalar field's order.
library LeafIds {
    /// @notice Id of the leaf of an epoch's fees.
    bytes32 internal constant FEES = bytes32(uint256(1) << 248);
    uint256 private constant ESCROW_TAG = 2;
    uint256 private constant SUSPENSE_TAG = 3;

    /// @notice Id under which money waits for whoever `contentId` belongs to.
    function escrowOf(bytes32 contentId) internal pure returns (bytes32) {
        return bytes32(ESCROW_TAG << 248 | uint256(keccak256(abi.encode(contentId))) >> 8);
    }

    /// @notice Id under which money of `workId` waits that its terms could not place.
    /// @param workId A registered work's, so its top byte is zero.
    function suspenseOf(bytes32 workId) internal pure returns (bytes32) {
        return bytes32(SUSPENSE_TAG << 248 | uint256(workId));
    }

    /// @notice Whether `id` is one that `escrowOf` answers.
    function isEscrow(bytes32 id) internal pure returns (bool) {
        return uint256(id) >> 248 == ESCROW_TAG;
    }

    /// @notice Whether `id` is one that `suspenseOf` answers.
    function isSuspense(bytes32 id) internal pure returns (bool) {
        return uint256(id) >> 248 == SUSPENSE_TAG;
    }
}
