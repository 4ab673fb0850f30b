// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";

/// @notice A plain tree of sorted pairs for tests; an odd last node is promoted. Its roots are not
/// those of the engine's tree, but the contract accepts the proofs of both.
library MerkleTree {
    function rootOf(bytes32[] memory leaves) internal pure returns (bytes32) {
        bytes32[] memory level = leaves;
        while (level.length > 1) level = _above(level);
        return level[0];
    }

    function proofOf(bytes32[] memory leaves, uint256 index)
        internal
        pure
        returns (bytes32[] memory proof)
    {
        bytes32[] memory level = leaves;
        bytes32[] memory siblings = new bytes32[](32);
        uint256 depth = 0;
        while (level.length > 1) {
            if ((index ^ 1) < level.length) siblings[depth++] = level[index ^ 1];
            level = _above(level);
            index >>= 1;
        }
        proof = new bytes32[](depth);
        for (uint256 i = 0; i < depth; ++i) {
            proof[i] = siblings[i];
        }
    }

    function _above(bytes32[] memory level) private pure returns (bytes32[] memory above) {
        above = new bytes32[]((level.length + 1) / 2);
        for (uint256 i = 0; i < above.length; ++i) {
            bool isPaired = 2 * i + 1 < level.length;
            above[i] = isPaired
                ? Hashes.commutativeKeccak256(level[2 * i], level[2 * i + 1])
                : level[2 * i];
        }
    }
}
