// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";

import {ApprovalLib} from "./ApprovalLib.sol";
import {EpochBooks} from "./EpochBooks.sol";
import {EpochClock} from "./EpochClock.sol";
import {GuardianSet} from "./GuardianSet.sol";
import {IEpochCommits} from "./IEpochCommits.sol";

/// @title Payment into epochs, and the commit and veto of their roots
abstract contract EpochCommits is
    IEpochCommits,
    EpochBooks,
    GuardianSet,
    Pausable,
    ReentrancyGuard
{
    using SafeERC20 for IERC20;

    /* TYPES */

    /// @notice May pay in for epochs.
    bytes32 public constant FUNDER_ROLE = keccak256("FUNDER_ROLE");
    /// @notice May veto a pending epoch, as any guardian may.
    bytes32 public constant VETO_ROLE = keccak256("VETO_ROLE");
    /// @notice Most assets in which one epoch can be funded; bounds a commit.
    uint256 public constant EPOCH_ASSETS_MAX = 16;

    /* STORAGE */

    /// @notice The clock that says which epochs take money and which may be committed.
    EpochClock public immutable clock;
    /// @notice Seconds between the commit of an epoch and its activation.
    uint64 public immutable vetoWindow;
    /// @notice The first epoch that can be committed: the one of the deployment.
    uint64 public immutable firstEpoch;

    /// @inheritdoc IEpochCommits
    uint64 public nextEpoch;

    /* CONSTRUCTOR */

    constructor(EpochClock clock_, uint64 vetoWindow_) {
        clock = clock_;
        vetoWindow = vetoWindow_;
        firstEpoch = clock_.currentEpoch();
        nextEpoch = firstEpoch;
    }

    /* EXTERNAL */

    /// @inheritdoc IEpochCommits
    function fund(uint64 epoch, address asset, uint256 amount)
        external
        onlyRole(FUNDER_ROLE)
        nonReentrant
        returns (uint256 received)
    {
        if (!clock.acceptsPayment(epoch)) {
            revert EpochNotPayable(epoch, clock.currentEpoch());
        }
        if (asset.code.length == 0) revert NotAContract(asset);
        uint256 balanceBefore = IERC20(asset).balanceOf(address(this));
        IERC20(asset).safeTransferFrom(msg.sender, address(this), amount);
        received = IERC20(asset).balanceOf(address(this)) - balanceBefore;
        // Measured across one transfer, so nothing sent before or after can make it zero.
        // slither-disable-next-line incorrect-equality
        if (received == 0) revert NothingReceived(asset);
        AssetSums storage sums = _sumsOf(epoch, asset);
        if (sums.paidIn == 0) _addAsset(epoch, asset);
        sums.paidIn += received;
        accounted[asset] += received;
        emit EpochFunded(epoch, asset, msg.sender, received);
    }

    /// @inheritdoc IEpochCommits
    function commitEpoch(Approval calldata approval, GuardianSignature[] calldata signatures)
        external
        whenNotPaused
        nonReentrant
    {
        _requireCommittable(approval);
        address[] memory signers = _requireQuorum(approvalDigest(approval), signatures);
        bool hasLeaves = _reserve(approval.epoch, approval.totals);
        if (hasLeaves == (approval.root == bytes32(0))) {
            revert RootContradictsTotals(approval.root);
        }
        uint64 activeAt = uint64(block.timestamp) + vetoWindow;
        Commitment storage commitment = _commitments[approval.epoch];
        commitment.root = approval.root;
        commitment.manifestDigest = approval.manifestDigest;
        commitment.activeAt = activeAt;
        nextEpoch = approval.epoch + 1;
        emit EpochCommitted(
            approval.epoch,
            approval.attempt,
            approval.manifestDigest,
            approval.root,
            activeAt,
            approval.guardianSet,
            signers,
            approval.totals
        );
    }

    /// @inheritdoc IEpochCommits
    function veto(uint64 epoch, bytes32 reasonDigest) external {
        if (!isGuardian[msg.sender] && !hasRole(VETO_ROLE, msg.sender)) {
            revert MayNotVeto(msg.sender);
        }
        if (_statusOf(epoch) != EpochStatus.Pending) revert EpochNotPending(epoch);
        Commitment storage commitment = _commitments[epoch];
        uint32 attempt = commitment.vetoes + 1;
        commitment.root = bytes32(0);
        commitment.manifestDigest = bytes32(0);
        commitment.activeAt = 0;
        commitment.vetoes = attempt;
        nextEpoch = epoch;
        address[] storage assets = _assets[epoch];
        for (uint256 i = 0; i < assets.length; ++i) {
            AssetSums storage sums = _sumsOf(epoch, assets[i]);
            sums.remaining = 0;
            sums.escrowed = 0;
            sums.unallocated = 0;
        }
        emit EpochVetoed(epoch, attempt, msg.sender, reasonDigest);
    }

    /* VIEWS */

    /// @inheritdoc IEpochCommits
    function approvalDigest(Approval calldata approval) public view returns (bytes32) {
        return _hashTypedDataV4(ApprovalLib.structHash(approval));
    }

    /* INTERNALS */

    function _addAsset(uint64 epoch, address asset) private {
        address[] storage assets = _assets[epoch];
        if (assets.length == EPOCH_ASSETS_MAX) revert TooManyAssets(epoch, EPOCH_ASSETS_MAX);
        assets.push(asset);
    }

    function _requireCommittable(Approval calldata approval) private view {
        uint64 epoch = approval.epoch;
        if (epoch != nextEpoch) revert NotNextEpoch(epoch, nextEpoch);
        if (epoch != firstEpoch) {
            uint64 previousActiveAt = _commitments[epoch - 1].activeAt;
            if (block.timestamp < previousActiveAt) {
                revert PreviousEpochPending(epoch - 1, previousActiveAt);
            }
        }
        uint64 graceEnd = clock.graceEndOf(epoch);
        if (block.timestamp < graceEnd) revert EpochStillOpen(epoch, graceEnd);
        if (approval.attempt != attemptOf(epoch)) {
            revert WrongAttempt(approval.attempt, attemptOf(epoch));
        }
        if (approval.guardianSet != guardianSet) {
            revert WrongGuardianSet(approval.guardianSet, guardianSet);
        }
        if (block.timestamp > approval.deadline) {
            revert ApprovalExpired(approval.deadline, uint64(block.timestamp));
        }
    }

    /// @dev Distinct, funded and as many as the epoch has: then no asset of the epoch is missing.
    function _reserve(uint64 epoch, AssetTotals[] calldata totals)
        private
        returns (bool hasLeaves)
    {
        uint256 assetCount = _assets[epoch].length;
        if (totals.length != assetCount) revert AssetCountMismatch(totals.length, assetCount);
        address previous = address(0);
        for (uint256 i = 0; i < totals.length; ++i) {
            AssetTotals calldata t = totals[i];
            if (t.asset <= previous) revert AssetsNotAscending(previous, t.asset);
            AssetSums storage sums = _sumsOf(epoch, t.asset);
            _requireConserved(epoch, t, sums.paidIn);
            sums.remaining = t.allocated + t.fees;
            sums.escrowed = t.escrow;
            sums.unallocated = t.unallocated;
            if (sums.remaining + t.escrow != 0) hasLeaves = true;
            previous = t.asset;
        }
    }

    function _requireConserved(uint64 epoch, AssetTotals calldata t, uint256 paid) private pure {
        if (paid == 0) revert AssetNotFunded(epoch, t.asset);
        if (t.paidIn != paid) revert PaidInMismatch(t.asset, t.paidIn, paid);
        uint256 carried = carriedIn(epoch, t.asset);
        if (t.carriedIn != carried) revert CarriedInMismatch(t.asset, t.carriedIn, carried);
        uint256 divided = t.allocated + t.escrow + t.unallocated + t.fees;
        if (divided != paid + carried) revert ConservationBroken(t.asset, divided, paid + carried);
    }
}
