// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {ScalarField} from "../../contracts/src/cwe/ScalarField.sol";
import {LeafIds} from "../../contracts/src/settlement/LeafIds.sol";
import {Leaf, LeafLib} from "../../contracts/src/settlement/LeafLib.sol";
import {OperationLib} from "../../contracts/src/settlement/OperationLib.sol";
import {MerkleTree} from "./MerkleTree.sol";
import {vm} from "./Vm.sol";

/// @notice Leaves, splits and operation ids against vectors that OpenZeppelin's JavaScript made,
/// and as laws.
contract EncodingsTest {
    string private constant LEAVES = "tests/vectors/leaves.json";
    string private constant TREE = "tests/vectors/solidity_tree.json";

    function test_vectors_areReproduced() public view {
        string memory json = vm.readFile(LEAVES);
        uint256 count = 0;
        while (vm.keyExistsJson(json, _entry(count))) {
            _checkVector(json, _entry(count));
            ++count;
        }
        vm.assertGt(count, 8, "vectors were found");
    }

    function test_openZeppelinTree_isAccepted() public view {
        string memory json = vm.readFile(TREE);
        bytes32 root = vm.parseJsonBytes32(json, ".root");
        bytes32[] memory leaves = vm.parseJsonBytes32Array(json, ".leaves");
        for (uint256 i = 0; i < leaves.length; ++i) {
            string memory key = string.concat(".proofs[", vm.toString(i), "]");
            bytes32[] memory proof = vm.parseJsonBytes32Array(json, key);
            vm.assertTrue(MerkleProof.verify(proof, root, leaves[i]));
            vm.assertFalse(MerkleProof.verify(proof, root, leaves[(i + 1) % leaves.length]));
        }
        vm.assertGt(leaves.length, 8, "leaves were found");
    }

    /// @notice Each field of a leaf is in its hash.
    function testFuzz_leaf_changesWithEveryField(Leaf memory leaf, uint8 field, uint8 bit)
        public
        view
    {
        bytes32 before = LeafLib.hash(leaf, block.chainid, address(this));
        uint256 chainId = block.chainid;
        address settlement = address(this);
        field %= 8;
        if (field == 0) leaf.epoch ^= uint64(1) << (bit % 64);
        if (field == 1) leaf.workId ^= bytes32(uint256(1) << bit);
        if (field == 2) leaf.part ^= uint32(1) << (bit % 32);
        if (field == 3) leaf.asset = address(uint160(leaf.asset) ^ (uint160(1) << (bit % 160)));
        if (field == 4) leaf.amount ^= uint256(1) << bit;
        if (field == 5) leaf.splitHash ^= bytes32(uint256(1) << bit);
        if (field == 6) chainId ^= uint256(1) << bit;
        if (field == 7) settlement = address(uint160(settlement) ^ (uint160(1) << (bit % 160)));
        vm.assertNotEq(LeafLib.hash(leaf, chainId, settlement), before);
    }

    function testFuzz_leaf_isNoInnerNode(Leaf memory leaf, bytes32 left, bytes32 right)
        public
        view
    {
        bytes32[] memory pair = new bytes32[](2);
        (pair[0], pair[1]) = (left, right);
        vm.assertNotEq(LeafLib.hash(leaf, block.chainid, address(this)), MerkleTree.rootOf(pair));
    }

    function testFuzz_split_changesWithEveryLine(
        address[] memory payees,
        uint256[] memory amounts,
        uint256 line,
        uint8 bit
    ) public pure {
        vm.assume(payees.length > 0 && amounts.length > 0);
        bytes32 before = LeafLib.splitHash(payees, amounts);
        amounts[line % amounts.length] ^= uint256(1) << bit;
        bytes32 changed = LeafLib.splitHash(payees, amounts);
        vm.assertNotEq(changed, before);
        amounts[line % amounts.length] ^= uint256(1) << bit;
        uint160 payee = uint160(payees[line % payees.length]);
        payees[line % payees.length] = address(payee ^ (uint160(1) << (bit % 160)));
        vm.assertNotEq(LeafLib.splitHash(payees, amounts), before);
    }

    /// @notice The leaf's place names its operation, its amount does not: one place is paid once.
    function testFuzz_operationId_isThatOfTheList(
        uint256 chainId,
        address settlement,
        uint64 epoch,
        bytes32 workId,
        uint32 part,
        address asset
    ) public pure {
        bytes32 expected = keccak256(
            abi.encode(
                keccak256("quittance.operation.v1"),
                chainId,
                settlement,
                keccak256("WITHDRAW"),
                uint256(epoch),
                keccak256(abi.encode(workId, part, asset))
            )
        );
        bytes32 actual = OperationLib.withdrawalId(chainId, settlement, epoch, workId, part, asset);
        vm.assertEq(actual, expected);
    }

    /// @notice The line is the number of the announcement: equal transfers are two operations.
    function testFuzz_transferId_isThatOfTheList(
        uint256 chainId,
        address settlement,
        uint64 epoch,
        uint256 index
    ) public pure {
        bytes32 expected = keccak256(
            abi.encode(
                keccak256("quittance.operation.v1"),
                chainId,
                settlement,
                keccak256("UNALLOCATED_TRANSFER"),
                uint256(epoch),
                index
            )
        );
        vm.assertEq(OperationLib.transferId(chainId, settlement, epoch, index), expected);
    }

    /// @notice An escrow leaf is an ordinary leaf of part 0 whose one line pays the settlement.
    function testFuzz_escrowLeaf_isALeafThatPaysTheSettlement(
        uint64 epoch,
        bytes32 id,
        address asset,
        uint256 amount,
        uint256 chainId,
        address settlement
    ) public pure {
        address[] memory payees = new address[](1);
        uint256[] memory amounts = new uint256[](1);
        (payees[0], amounts[0]) = (settlement, amount);
        Leaf memory leaf = Leaf(epoch, id, 0, asset, amount, keccak256(abi.encode(payees, amounts)));
        vm.assertEq(
            LeafLib.escrowHash(epoch, id, asset, amount, chainId, settlement),
            LeafLib.hash(leaf, chainId, settlement)
        );
    }

    /// @notice Ids that are no work's start with their tag and are canonical to a proof.
    function testFuzz_leafIds_areTaggedAndCanonical(bytes32 contentId, bytes32 workId) public pure {
        workId >>= 8;
        bytes32 escrow = LeafIds.escrowOf(contentId);
        bytes32 suspense = LeafIds.suspenseOf(workId);
        vm.assertEq(uint256(LeafIds.FEES), 1 << 248);
        vm.assertEq(uint256(escrow), (2 << 248) + (uint256(keccak256(abi.encode(contentId))) >> 8));
        vm.assertEq(uint256(suspense), (3 << 248) + uint256(workId));
        vm.assertTrue(LeafIds.isEscrow(escrow) && !LeafIds.isSuspense(escrow));
        vm.assertTrue(LeafIds.isSuspense(suspense) && !LeafIds.isEscrow(suspense));
        vm.assertFalse(LeafIds.isEscrow(workId) || LeafIds.isSuspense(workId));
        vm.assertFalse(LeafIds.isEscrow(LeafIds.FEES) || LeafIds.isSuspense(LeafIds.FEES));
        vm.assertTrue(ScalarField.isCanonical(escrow) && ScalarField.isCanonical(suspense));
        vm.assertTrue(ScalarField.isCanonical(LeafIds.FEES));
    }

    function testFuzz_leafKey_changesWithEveryField(
        uint64 epoch,
        bytes32 workId,
        uint32 part,
        address asset
    ) public pure {
        bytes32 key = LeafLib.key(epoch, workId, part, asset);
        vm.assertNotEq(LeafLib.key(epoch ^ 1, workId, part, asset), key);
        vm.assertNotEq(LeafLib.key(epoch, ~workId, part, asset), key);
        vm.assertNotEq(LeafLib.key(epoch, workId, part ^ 1, asset), key);
        vm.assertNotEq(LeafLib.key(epoch, workId, part, address(uint160(asset) ^ 1)), key);
    }

    function testFuzz_tree_provesItsLeavesOnly(bytes32[] memory leaves, uint256 index, uint8 bit)
        public
        pure
    {
        vm.assume(leaves.length > 0);
        index %= leaves.length;
        bytes32 root = MerkleTree.rootOf(leaves);
        bytes32[] memory proof = MerkleTree.proofOf(leaves, index);
        vm.assertTrue(MerkleProof.verify(proof, root, leaves[index]));
        bytes32 flipped = leaves[index] ^ bytes32(uint256(1) << bit);
        vm.assertFalse(MerkleProof.verify(proof, root, flipped));
        vm.assertFalse(MerkleProof.verify(proof, root ^ bytes32(uint256(1) << bit), leaves[index]));
    }

    function _entry(uint256 index) private pure returns (string memory) {
        return string.concat(".leaves[", vm.toString(index), "]");
    }

    function _checkVector(string memory json, string memory entry) private pure {
        uint256 chainId = vm.parseJsonUint(json, string.concat(entry, ".chain_id"));
        address settlement = vm.parseJsonAddress(json, string.concat(entry, ".contract"));
        uint256[] memory amounts = vm.parseJsonUintArray(json, string.concat(entry, ".amounts"));
        uint256 amount = 0;
        for (uint256 i = 0; i < amounts.length; ++i) {
            amount += amounts[i];
        }
        Leaf memory leaf = Leaf({
            epoch: uint64(vm.parseJsonUint(json, string.concat(entry, ".epoch"))),
            workId: vm.parseJsonBytes32(json, string.concat(entry, ".work_id")),
            part: uint32(vm.parseJsonUint(json, string.concat(entry, ".part"))),
            asset: vm.parseJsonAddress(json, string.concat(entry, ".asset")),
            amount: amount,
            splitHash: LeafLib.splitHash(
                vm.parseJsonAddressArray(json, string.concat(entry, ".payees")), amounts
            )
        });
        vm.assertEq(
            leaf.splitHash, vm.parseJsonBytes32(json, string.concat(entry, ".split_hash")), entry
        );
        vm.assertEq(
            LeafLib.hash(leaf, chainId, settlement),
            vm.parseJsonBytes32(json, string.concat(entry, ".leaf")),
            entry
        );
        bytes32 opId = OperationLib.withdrawalId(
            chainId, settlement, leaf.epoch, leaf.workId, leaf.part, leaf.asset
        );
        vm.assertEq(opId, vm.parseJsonBytes32(json, string.concat(entry, ".op_id")), entry);
    }
}
