// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";

import {EpochBooks} from "./EpochBooks.sol";
import {IEscrowBeneficiaries} from "./IEscrowBeneficiaries.sol";
import {IEscrowReleases} from "./IEscrowReleases.sol";
import {LeafIds} from "./LeafIds.sol";
import {LeafLib} from "./LeafLib.sol";
import {PayeeHolds} from "./PayeeHolds.sol";

/// @title Release and expiry of escrow
/// @dev No token moves here, so `accounted` stays as it is.
abstract contract EscrowReleases is
    IEscrowReleases,
    EpochBooks,
    PayeeHolds,
    Pausable,
    ReentrancyGuard
{
    /* STORAGE */

    /// @notice Who says whom an escrow belongs to.
    IEscrowBeneficiaries public immutable beneficiaries;
    /// @inheritdoc IEscrowReleases
    uint64 public immutable escrowExpiry;

    /* CONSTRUCTOR */

    constructor(IEscrowBeneficiaries beneficiaries_, uint64 escrowExpiry_) {
        if (escrowExpiry_ == 0) revert EscrowExpiryIsZero();
        beneficiaries = beneficiaries_;
        escrowExpiry = escrowExpiry_;
    }

    /* EXTERNAL */

    /// @inheritdoc IEscrowReleases
    function releaseEscrow(EscrowLeaf calldata leaf) external whenNotPaused nonReentrant {
        bytes32 opId = _take(leaf);
        address beneficiary = beneficiaries.beneficiaryOf(leaf.escrowId);
        if (beneficiary == address(0)) revert NoBeneficiary(leaf.escrowId);
        _requireRecipient(beneficiary, leaf.asset);
        _requireNotHeld(beneficiary);
        unclaimed[beneficiary][leaf.asset] += leaf.amount;
        emit EscrowReleased(opId, leaf.epoch, leaf.escrowId, leaf.asset, beneficiary, leaf.amount);
    }

    /// @inheritdoc IEscrowReleases
    function expireEscrow(EscrowLeaf calldata leaf) external whenNotPaused nonReentrant {
        bytes32 opId = _take(leaf);
        uint64 expiresAt = _commitments[leaf.epoch].activeAt + escrowExpiry;
        if (block.timestamp < expiresAt) {
            revert EscrowNotExpired(expiresAt, uint64(block.timestamp));
        }
        if (
            beneficiaries.beneficiaryOf(leaf.escrowId) != address(0)
                || beneficiaries.isClaimOpen(leaf.escrowId)
        ) revert EscrowIsClaimed(leaf.escrowId);
        _sumsOf(leaf.epoch, leaf.asset).unallocated += leaf.amount;
        emit EscrowExpired(opId, leaf.epoch, leaf.escrowId, leaf.asset, leaf.amount);
    }

    /* INTERNALS */

    /// @dev Takes a proved leaf out of escrow, once; the caller puts its amount elsewhere.
    function _take(EscrowLeaf calldata leaf) private returns (bytes32 opId) {
        _requireActive(leaf.epoch);
        if (!LeafIds.isEscrow(leaf.escrowId) && !LeafIds.isSuspense(leaf.escrowId)) {
            revert NotAnEscrow(leaf.escrowId);
        }
        bytes32 leafHash = LeafLib.escrowHash(
            leaf.epoch, leaf.escrowId, leaf.asset, leaf.amount, block.chainid, address(this)
        );
        if (!_isProved(leaf.epoch, leafHash, leaf.proof)) {
            revert EscrowNotProved(leaf.epoch, leaf.escrowId);
        }
        bytes32 leafKey = LeafLib.key(leaf.epoch, leaf.escrowId, 0, leaf.asset);
        if (_settledLines(leafKey, leafHash) != 0) {
            revert EscrowAlreadySettled(leaf.epoch, leaf.escrowId, leaf.asset);
        }
        AssetSums storage sums = _sumsOf(leaf.epoch, leaf.asset);
        if (leaf.amount > sums.escrowed) revert ExceedsEscrowed(leaf.amount, sums.escrowed);
        _setSettledLines(leafKey, leafHash, 1);
        sums.escrowed -= leaf.amount;
        return _operationId(leaf.epoch, leaf.escrowId, 0, leaf.asset);
    }
}
