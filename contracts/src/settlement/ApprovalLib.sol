// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEpochCommits} from "./IEpochCommits.sol";

/// @title EIP-712 struct hash of an epoch approval
library ApprovalLib {
    /// @notice EIP-712 type hash of `AssetTotals`.
    bytes32 internal constant ASSET_TOTALS_TYPEHASH = keccak256(
        "AssetTotals(address asset,uint256 paidIn,uint256 carriedIn,uint256 allocated,uint256 escrow,uint256 unallocated,uint256 fees)"
    );
    /// @notice EIP-712 type hash of `EpochApproval`.
    bytes32 internal constant EPOCH_APPROVAL_TYPEHASH = keccak256(
        "EpochApproval(uint64 epoch,uint32 attempt,uint32 guardianSet,bytes32 manifestDigest,bytes32 root,AssetTotals[] totals,uint64 deadline)AssetTotals(address asset,uint256 paidIn,uint256 carriedIn,uint256 allocated,uint256 escrow,uint256 unallocated,uint256 fees)"
    );

    /// @notice EIP-712 struct hash of `approval`.
    function structHash(IEpochCommits.Approval calldata approval) internal pure returns (bytes32) {
        bytes32[] memory totals = new bytes32[](approval.totals.length);
        for (uint256 i = 0; i < totals.length; ++i) {
            totals[i] = keccak256(abi.encode(ASSET_TOTALS_TYPEHASH, approval.totals[i]));
        }
        return keccak256(
            abi.encode(
                EPOCH_APPROVAL_TYPEHASH,
                approval.epoch,
                approval.attempt,
                approval.guardianSet,
                approval.manifestDigest,
                approval.root,
                keccak256(abi.encodePacked(totals)),
                approval.deadline
            )
        );
    }
}
