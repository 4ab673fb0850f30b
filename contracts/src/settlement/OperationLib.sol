// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Identities of payout operations
/// @notice Every obligation is line `index` of list `listId` of some `kind`, so its id follows from
/// what is owed and needs no database. Mirrors `contracts/operations.py`.
library OperationLib {
    /// @notice Separates operation ids from every other keccak256 preimage.
    bytes32 internal constant DOMAIN = keccak256("quittance.operation.v1");
    /// @notice Kind of an epoch's leaves: the list is the epoch, the line is the leaf's position
    /// key.
    bytes32 internal constant WITHDRAW = keccak256("WITHDRAW");

    /// @notice Kind of the transfers of an epoch's unallocated money; the line counts announcements.
    bytes32 internal constant UNALLOCATED_TRANSFER = keccak256("UNALLOCATED_TRANSFER");

    /// @notice Kind of the lines that a payout batch pays; list and line are the operator's.
    bytes32 internal constant PAYOUT = keccak256("PAYOUT");

    /// @notice Kind of the tips that a relay owes; the line is the tip's number.
    bytes32 internal constant TIP = keccak256("TIP");
    /// @notice The one list of a relay.
    bytes32 internal constant TIP_LIST = bytes32(0);

    /// @notice Id of line `index` of list `listId` of `kind` in one settlement.
    function operationId(
        uint256 chainId,
        address settlement,
        bytes32 kind,
        bytes32 listId,
        uint256 index
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(DOMAIN, chainId, settlement, kind, listId, index));
    }

    /// @notice Id of the withdrawal of a leaf.
    function withdrawalId(
        uint256 chainId,
        address settlement,
        uint64 epoch,
        bytes32 workId,
        uint32 part,
        address asset
    ) internal pure returns (bytes32) {
        uint256 index = uint256(keccak256(abi.encode(workId, part, asset)));
        return operationId(chainId, settlement, WITHDRAW, bytes32(uint256(epoch)), index);
    }

    /// @notice Id of a transfer of unallocated money; `index` counts all announcements from 0.
    function transferId(uint256 chainId, address settlement, uint64 epoch, uint256 index)
        internal
        pure
        returns (bytes32)
    {
        return operationId(
            chainId, settlement, UNALLOCATED_TRANSFER, bytes32(uint256(epoch)), index
        );
    }
}
