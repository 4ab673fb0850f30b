// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice What one leaf of an epoch's tree promises.
/// @param epoch Epoch in which it was earned.
/// @param workId The work that earned it, or an id of `LeafIds`.
/// @param part Tells apart several leaves of one work, used above 32 payees.
/// @param asset ERC-20 token in which it is paid.
/// @param amount Base units; the sum of the split's lines.
/// @param splitHash `LeafLib.splitHash` of the lines.
struct Leaf {
    uint64 epoch;
    bytes32 workId;
    uint32 part;
    address asset;
    uint256 amount;
    bytes32 splitHash;
}

/// @title Encodings of leaves and splits
/// @notice Mirrors `contracts/leaves.py`; shared vectors hold the two together.
/// @dev A leaf is hashed twice, so that no inner node of the tree (one hash over 64 bytes) can be
/// passed off as a leaf. Chain and contract are inside, so no leaf is valid in another settlement.
library LeafLib {
    /// @notice Hash of a leaf, as it stands in the tree.
    function hash(Leaf memory leaf, uint256 chainId, address settlement)
        internal
        pure
        returns (bytes32)
    {
        bytes32 inner = keccak256(
            abi.encode(
                chainId,
                settlement,
                leaf.epoch,
                leaf.workId,
                leaf.part,
                leaf.asset,
                leaf.amount,
                leaf.splitHash
            )
        );
        return keccak256(bytes.concat(inner));
    }

    /// @notice Hash of an escrow leaf: part 0, and one line that pays the settlement itself.
    function escrowHash(
        uint64 epoch,
        bytes32 id,
        address asset,
        uint256 amount,
        uint256 chainId,
        address settlement
    ) internal pure returns (bytes32) {
        address[] memory payees = new address[](1);
        uint256[] memory amounts = new uint256[](1);
        (payees[0], amounts[0]) = (settlement, amount);
        Leaf memory leaf = Leaf(epoch, id, 0, asset, amount, splitHash(payees, amounts));
        return hash(leaf, chainId, settlement);
    }

    /// @notice Hash of a resolved split: `amounts[i]` goes to `payees[i]`, payees ascending.
    function splitHash(address[] memory payees, uint256[] memory amounts)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(payees, amounts));
    }

    /// @notice Key of a leaf's paid flags.
    /// @dev Without amount and split: two leaves for one key cannot both be paid.
    function key(uint64 epoch, bytes32 workId, uint32 part, address asset)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(epoch, workId, part, asset));
    }
}
