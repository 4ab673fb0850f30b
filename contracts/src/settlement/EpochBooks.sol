// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {IEpochBooks} from "./IEpochBooks.sol";
import {LeafLib} from "./LeafLib.sol";
import {OperationLib} from "./OperationLib.sol";

/// @title The books of a settlement: commitments, sums and settled lines
/// @dev Moves no money; the contracts that inherit these books do, and keep its laws.
abstract contract EpochBooks is IEpochBooks {
    /* TYPES */

    /// @dev `activeAt` is zero while there is no commit.
    struct Commitment {
        bytes32 root;
        bytes32 manifestDigest;
        uint64 activeAt;
        uint32 vetoes;
    }

    /// @dev Sums of one asset in one epoch; each is described with its view. `reserved` is the part
    /// of `unallocated` that is promised to announced transfers.
    struct AssetSums {
        uint256 paidIn;
        uint256 remaining;
        uint256 escrowed;
        uint256 unallocated;
        uint256 reserved;
    }

    /* STORAGE */

    mapping(uint64 epoch => Commitment) internal _commitments;
    // Written through a storage reference in EpochCommits; a mapping has no other beginning.
    // slither-disable-next-line uninitialized-state
    mapping(uint64 epoch => address[]) internal _assets;
    mapping(uint64 epoch => mapping(address asset => AssetSums)) private _sums;
    /// @inheritdoc IEpochBooks
    mapping(address payee => mapping(address asset => uint256)) public unclaimed;
    /// @inheritdoc IEpochBooks
    mapping(address asset => uint256) public accounted;
    /// @dev The first 28 bytes of the leaf that was settled, then its settled lines as 4 bytes. One
    /// slot, so the leaf costs nothing, and no other leaf for this place is ever settled.
    mapping(bytes32 leafKey => bytes32) private _settlements;

    /* VIEWS */

    /// @inheritdoc IEpochBooks
    function epochOf(uint64 epoch) external view returns (EpochState memory) {
        Commitment storage commitment = _commitments[epoch];
        return EpochState({
            root: commitment.root,
            manifestDigest: commitment.manifestDigest,
            activeAt: commitment.activeAt,
            attempt: commitment.vetoes + 1,
            status: _statusOf(epoch)
        });
    }

    /// @inheritdoc IEpochBooks
    function attemptOf(uint64 epoch) public view returns (uint32) {
        return _commitments[epoch].vetoes + 1;
    }

    /// @inheritdoc IEpochBooks
    function assetsOf(uint64 epoch) external view returns (address[] memory) {
        return _assets[epoch];
    }

    /// @inheritdoc IEpochBooks
    function carriedIn(uint64, address) public pure returns (uint256) {
        return 0;
    }

    /// @inheritdoc IEpochBooks
    function paidIn(uint64 epoch, address asset) external view returns (uint256) {
        return _sumsOf(epoch, asset).paidIn;
    }

    /// @inheritdoc IEpochBooks
    function remaining(uint64 epoch, address asset) external view returns (uint256) {
        return _sumsOf(epoch, asset).remaining;
    }

    /// @inheritdoc IEpochBooks
    function escrowed(uint64 epoch, address asset) external view returns (uint256) {
        return _sumsOf(epoch, asset).escrowed;
    }

    /// @inheritdoc IEpochBooks
    function unallocated(uint64 epoch, address asset) external view returns (uint256) {
        return _sumsOf(epoch, asset).unallocated;
    }

    /// @inheritdoc IEpochBooks
    function paidLines(uint64 epoch, bytes32 workId, uint32 part, address asset)
        external
        view
        returns (uint32)
    {
        return uint32(uint256(_settlements[LeafLib.key(epoch, workId, part, asset)]));
    }

    /* INTERNALS */

    function _sumsOf(uint64 epoch, address asset) internal view returns (AssetSums storage) {
        return _sums[epoch][asset];
    }

    function _statusOf(uint64 epoch) internal view returns (EpochStatus) {
        uint64 activeAt = _commitments[epoch].activeAt;
        // Zero says that nothing is committed; no commit is active at zero.
        // slither-disable-next-line incorrect-equality
        if (activeAt == 0) return EpochStatus.None;
        return block.timestamp < activeAt ? EpochStatus.Pending : EpochStatus.Active;
    }

    function _requireActive(uint64 epoch) internal view {
        if (_statusOf(epoch) != EpochStatus.Active) revert EpochNotActive(epoch);
    }

    /// @dev Money sent there would be lost, or would count as a donation.
    function _requireRecipient(address to, address asset) internal view {
        if (to == address(0) || to == asset || to == address(this)) revert InvalidRecipient(to);
    }

    function _isProved(uint64 epoch, bytes32 leafHash, bytes32[] memory proof)
        internal
        view
        returns (bool)
    {
        return MerkleProof.verify(proof, _commitments[epoch].root, leafHash);
    }

    /// @dev All lines, if the place was settled under another leaf.
    function _settledLines(bytes32 leafKey, bytes32 leafHash) internal view returns (uint32) {
        bytes32 settlement = _settlements[leafKey];
        if (settlement == bytes32(0)) return 0;
        if (bytes28(settlement) != bytes28(leafHash)) return type(uint32).max;
        return uint32(uint256(settlement));
    }

    function _setSettledLines(bytes32 leafKey, bytes32 leafHash, uint32 lines) internal {
        _settlements[leafKey] = bytes32(bytes28(leafHash)) | bytes32(uint256(lines));
    }

    function _operationId(uint64 epoch, bytes32 workId, uint32 part, address asset)
        internal
        view
        returns (bytes32)
    {
        return OperationLib.withdrawalId(block.chainid, address(this), epoch, workId, part, asset);
    }
}
