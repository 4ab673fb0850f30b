// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {IEscrowReleases} from "../../contracts/src/settlement/IEscrowReleases.sol";
import {ILeafWithdrawals} from "../../contracts/src/settlement/ILeafWithdrawals.sol";
import {LeafIds} from "../../contracts/src/settlement/LeafIds.sol";
import {SettlementFixture} from "./SettlementFixture.sol";
import {vm} from "./Vm.sol";

/// @notice Pays by the leaf keccak256(workId ‖ amount), hashed once over 64 bytes, as the cwe
/// reference does.
library NaiveLeaves {
    function isPromised(bytes32 root, bytes32 workId, uint256 amount, bytes32[] memory proof)
        internal
        pure
        returns (bool)
    {
        return MerkleProof.verify(proof, root, keccak256(abi.encodePacked(workId, amount)));
    }
}

/// @notice Why a leaf is hashed twice: an inner node is the hash of the 64 bytes (low, high), so
/// under a naive verifier each inner node is also the leaf of the "work" low, which earned
/// uint256(high).
contract NodeForgeryTest is SettlementFixture {
    function testFuzz_innerNode_isALeafToANaiveVerifier(
        bytes32[4] memory works,
        uint128[4] memory earned
    ) public pure {
        bytes32[4] memory leaves;
        for (uint256 i = 0; i < 4; ++i) {
            leaves[i] = keccak256(abi.encodePacked(works[i], uint256(earned[i])));
        }
        (bytes32 root, bytes32[] memory proof) = _treeOf(leaves);
        (bytes32 forgedWork, uint256 forgedAmount) = _forgedFrom(leaves[0], leaves[1]);
        vm.assertTrue(NaiveLeaves.isPromised(root, forgedWork, forgedAmount, proof));
        vm.assertTrue(forgedWork != works[0] && forgedWork != works[1], "of no work in the tree");
    }

    /// @notice The same attempts against a tree of this settlement's leaves are refused, both as a
    /// withdrawal and as a release of escrow.
    function testFuzz_innerNode_isNoLeafHere(uint64[4] memory earned) public {
        bytes32[4] memory leaves;
        for (uint32 i = 0; i < 4; ++i) {
            ILeafWithdrawals.Withdrawal memory leaf = withdrawalOf(1 + uint256(earned[i]), 2, 3);
            leaf.part = i;
            leaves[i] = leafOf(leaf);
        }
        (bytes32 root, bytes32[] memory proof) = _treeOf(leaves);
        activate(root, type(uint128).max, type(uint128).max);
        (bytes32 forgedWork, uint256 forgedAmount) = _forgedFrom(leaves[0], leaves[1]);
        bytes32 node = Hashes.commutativeKeccak256(leaves[0], leaves[1]);
        vm.assertTrue(MerkleProof.verify(proof, root, node), "the node is in the tree");

        ILeafWithdrawals.Withdrawal memory w = withdrawalOf(1, 2, 3);
        (w.workId, w.proof) = (forgedWork, proof);
        (w.payees, w.amounts) = (new address[](1), new uint256[](1));
        (w.payees[0], w.amounts[0]) = (STRANGER, forgedAmount);
        vm.expectRevert(refusedWith(ILeafWithdrawals.Refusal.BadProof));
        payouts.withdraw(w);

        bytes32 escrowId = LeafIds.suspenseOf(forgedWork >> 8);
        IEscrowReleases.EscrowLeaf memory escrow = escrowLeafOf(escrowId, forgedAmount);
        escrow.proof = proof;
        beneficiaries.setBeneficiary(escrowId, STRANGER);
        vm.expectPartialRevert(IEscrowReleases.EscrowNotProved.selector);
        payouts.releaseEscrow(escrow);
        vm.assertEq(token.balanceOf(STRANGER), 0);
    }

    /// @dev The root over four leaves, and the proof of the node above the first two.
    function _treeOf(bytes32[4] memory leaves)
        private
        pure
        returns (bytes32 root, bytes32[] memory proof)
    {
        bytes32 left = Hashes.commutativeKeccak256(leaves[0], leaves[1]);
        proof = new bytes32[](1);
        proof[0] = Hashes.commutativeKeccak256(leaves[2], leaves[3]);
        root = Hashes.commutativeKeccak256(left, proof[0]);
    }

    /// @dev The leaf as which the node above `a` and `b` can be read: leaf(low, uint256(high)).
    function _forgedFrom(bytes32 a, bytes32 b) private pure returns (bytes32, uint256) {
        return a < b ? (a, uint256(b)) : (b, uint256(a));
    }
}
