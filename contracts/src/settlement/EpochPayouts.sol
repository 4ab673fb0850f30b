// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";

import {ApprovalLib} from "./ApprovalLib.sol";
import {EpochClock} from "./EpochClock.sol";
import {IEpochPayouts} from "./IEpochPayouts.sol";
import {Isolated} from "./Isolated.sol";
import {IWorkVerdicts} from "./IWorkVerdicts.sol";
import {Leaf, LeafLib} from "./LeafLib.sol";
import {OperationLib} from "./OperationLib.sol";

/// @title Payment of royalties by epoch
/// @dev Warning: assets must be plain ERC-20 tokens. A token that takes a fee pays payees less than
/// the events say; one that rebases down breaks the solvency of that asset, and of no other.
contract EpochPayouts is IEpochPayouts, AccessControl, EIP712, Pausable, ReentrancyGuard {
    using SafeERC20 for IERC20;

    /* TYPES */

    /// @notice May pay in for epochs.
    bytes32 public constant FUNDER_ROLE = keccak256("FUNDER_ROLE");
    /// @notice May veto a pending epoch, as any guardian may.
    bytes32 public constant VETO_ROLE = keccak256("VETO_ROLE");
    /// @notice Most assets in which one epoch can be funded; bounds a commit.
    uint256 public constant EPOCH_ASSETS_MAX = 16;
    /// @notice Most lines of one leaf: one bit each in its paid flags.
    uint256 public constant SPLIT_LINES_MAX = 32;

    /// @dev `activeAt` is zero while there is no commit.
    struct Commitment {
        bytes32 root;
        bytes32 manifestDigest;
        uint64 activeAt;
        uint32 vetoes;
    }

    /* STORAGE */

    /// @notice The clock that says which epochs take money and which may be committed.
    EpochClock public immutable clock;
    /// @notice The registry that is asked for verdicts.
    IWorkVerdicts public immutable registry;
    /// @notice Seconds between the commit of an epoch and its activation.
    uint64 public immutable vetoWindow;
    /// @notice The first epoch that can be committed: the one of the deployment.
    uint64 public immutable firstEpoch;

    /// @inheritdoc IEpochPayouts
    uint64 public nextEpoch;
    /// @inheritdoc IEpochPayouts
    uint32 public guardianSet;
    /// @inheritdoc IEpochPayouts
    uint32 public threshold;
    address[] private _guardians;
    /// @inheritdoc IEpochPayouts
    mapping(address account => bool) public isGuardian;

    mapping(uint64 epoch => Commitment) private _commitments;
    mapping(uint64 epoch => address[]) private _assets;
    /// @inheritdoc IEpochPayouts
    mapping(uint64 epoch => mapping(address asset => uint256)) public paidIn;
    /// @inheritdoc IEpochPayouts
    mapping(uint64 epoch => mapping(address asset => uint256)) public remaining;
    /// @inheritdoc IEpochPayouts
    mapping(uint64 epoch => mapping(address asset => uint256)) public unallocated;
    /// @inheritdoc IEpochPayouts
    mapping(address payee => mapping(address asset => uint256)) public unclaimed;
    /// @inheritdoc IEpochPayouts
    mapping(address asset => uint256) public accounted;
    mapping(bytes32 leafKey => uint32 lines) private _paidLines;

    /* CONSTRUCTOR */

    /// @param guardians_ Strictly ascending; `threshold_` must be a majority of them.
    /// @param admin Receives DEFAULT_ADMIN_ROLE and nothing else; it grants the other roles.
    constructor(
        EpochClock clock_,
        IWorkVerdicts registry_,
        uint64 vetoWindow_,
        address[] memory guardians_,
        uint32 threshold_,
        address admin
    ) EIP712("Quittance", "1") {
        if (vetoWindow_ == 0) revert VetoWindowIsZero();
        clock = clock_;
        registry = registry_;
        vetoWindow = vetoWindow_;
        firstEpoch = clock_.currentEpoch();
        nextEpoch = firstEpoch;
        emit SettlementStarted(address(clock_), address(registry_), vetoWindow_);
        _installGuardians(guardians_, threshold_);
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /* EXTERNAL */

    /// @inheritdoc IEpochPayouts
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
        if (received == 0) revert NothingReceived(asset);
        if (paidIn[epoch][asset] == 0) _addAsset(epoch, asset);
        paidIn[epoch][asset] += received;
        accounted[asset] += received;
        emit EpochFunded(epoch, asset, msg.sender, received);
    }

    /// @inheritdoc IEpochPayouts
    function commitEpoch(Approval calldata approval, GuardianSignature[] calldata signatures)
        external
        whenNotPaused
        nonReentrant
    {
        _requireCommittable(approval);
        address[] memory signers = _requireQuorum(approvalDigest(approval), signatures);
        bool isAnyAllocated = _reserve(approval.epoch, approval.totals);
        if (isAnyAllocated == (approval.root == bytes32(0))) {
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

    /// @inheritdoc IEpochPayouts
    function veto(uint64 epoch, bytes32 reasonDigest) external {
        if (!isGuardian[msg.sender] && !hasRole(VETO_ROLE, msg.sender)) {
            revert MayNotVeto(msg.sender);
        }
        Commitment storage commitment = _commitments[epoch];
        if (_statusOf(commitment) != EpochStatus.Pending) revert EpochNotPending(epoch);
        uint32 attempt = commitment.vetoes + 1;
        commitment.root = bytes32(0);
        commitment.manifestDigest = bytes32(0);
        commitment.activeAt = 0;
        commitment.vetoes = attempt;
        nextEpoch = epoch;
        address[] storage assets = _assets[epoch];
        for (uint256 i = 0; i < assets.length; ++i) {
            remaining[epoch][assets[i]] = 0;
            unallocated[epoch][assets[i]] = 0;
        }
        emit EpochVetoed(epoch, attempt, msg.sender, reasonDigest);
    }

    /// @inheritdoc IEpochPayouts
    function withdraw(Withdrawal calldata withdrawal) external whenNotPaused nonReentrant {
        (Refusal refusal, uint256 amount) = _refusalOf(withdrawal);
        if (refusal != Refusal.None) revert WithdrawalRefused(refusal);
        _settle(withdrawal, amount);
    }

    /// @inheritdoc IEpochPayouts
    function withdrawBatch(Withdrawal[] calldata withdrawals) external whenNotPaused nonReentrant {
        for (uint256 i = 0; i < withdrawals.length; ++i) {
            Withdrawal calldata withdrawal = withdrawals[i];
            (Refusal refusal, uint256 amount) = _refusalOf(withdrawal);
            if (refusal == Refusal.None) _settle(withdrawal, amount);
            else _emitRefused(withdrawal, refusal);
        }
    }

    /// @inheritdoc IEpochPayouts
    function withdrawUnclaimed(address asset, address to) external whenNotPaused nonReentrant {
        if (to == address(0) || to == asset || to == address(this)) revert InvalidRecipient(to);
        _payUnclaimed(msg.sender, asset, to);
    }

    /// @inheritdoc IEpochPayouts
    function pushUnclaimed(address payee, address asset) external whenNotPaused nonReentrant {
        _payUnclaimed(payee, asset, payee);
    }

    /// @inheritdoc IEpochPayouts
    function pause() external {
        if (!isGuardian[msg.sender] && !hasRole(DEFAULT_ADMIN_ROLE, msg.sender)) {
            revert MayNotPause(msg.sender);
        }
        _pause();
    }

    /// @inheritdoc IEpochPayouts
    function unpause() external onlyRole(DEFAULT_ADMIN_ROLE) {
        _unpause();
    }

    /* VIEWS */

    /// @inheritdoc IEpochPayouts
    function approvalDigest(Approval calldata approval) public view returns (bytes32) {
        return _hashTypedDataV4(ApprovalLib.structHash(approval));
    }

    /// @inheritdoc IEpochPayouts
    function epochOf(uint64 epoch) external view returns (EpochState memory) {
        Commitment storage commitment = _commitments[epoch];
        return EpochState({
            root: commitment.root,
            manifestDigest: commitment.manifestDigest,
            activeAt: commitment.activeAt,
            attempt: commitment.vetoes + 1,
            status: _statusOf(commitment)
        });
    }

    /// @inheritdoc IEpochPayouts
    function attemptOf(uint64 epoch) public view returns (uint32) {
        return _commitments[epoch].vetoes + 1;
    }

    /// @inheritdoc IEpochPayouts
    function assetsOf(uint64 epoch) external view returns (address[] memory) {
        return _assets[epoch];
    }

    /// @inheritdoc IEpochPayouts
    function carriedIn(uint64, address) public pure returns (uint256) {
        return 0;
    }

    /// @inheritdoc IEpochPayouts
    function paidLines(uint64 epoch, bytes32 workId, uint32 part, address asset)
        external
        view
        returns (uint32)
    {
        return _paidLines[LeafLib.key(epoch, workId, part, asset)];
    }

    /// @inheritdoc IEpochPayouts
    function guardians() external view returns (address[] memory) {
        return _guardians;
    }

    /* INTERNALS: GUARDIANS */

    function _installGuardians(address[] memory guardians_, uint32 threshold_) private {
        // A majority of none is impossible, so this refuses an empty set too.
        if (threshold_ > guardians_.length || uint256(threshold_) * 2 <= guardians_.length) {
            revert ThresholdNotMajority(threshold_, guardians_.length);
        }
        address previous = address(0);
        for (uint256 i = 0; i < guardians_.length; ++i) {
            address guardian = guardians_[i];
            if (guardian <= previous) revert GuardiansNotAscending(previous, guardian);
            isGuardian[guardian] = true;
            previous = guardian;
        }
        _guardians = guardians_;
        threshold = threshold_;
        guardianSet += 1;
        emit GuardianSetChanged(guardianSet, threshold_, guardians_);
    }

    /// @dev Strictly ascending signers make every signature count once.
    function _requireQuorum(bytes32 digest, GuardianSignature[] calldata signatures)
        private
        view
        returns (address[] memory signers)
    {
        if (signatures.length < threshold) revert BelowThreshold(signatures.length, threshold);
        signers = new address[](signatures.length);
        address previous = address(0);
        for (uint256 i = 0; i < signatures.length; ++i) {
            address signer = signatures[i].signer;
            if (signer <= previous) revert SignersNotAscending(previous, signer);
            if (!isGuardian[signer]) revert NotAGuardian(signer);
            (address recovered,,) = ECDSA.tryRecoverCalldata(digest, signatures[i].signature);
            // A failed recovery answers zero, which `signer` is not.
            if (recovered != signer) revert SignatureInvalid(signer);
            signers[i] = signer;
            previous = signer;
        }
    }

    /* INTERNALS: EPOCHS */

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
        returns (bool isAnyAllocated)
    {
        uint256 assetCount = _assets[epoch].length;
        if (totals.length != assetCount) revert AssetCountMismatch(totals.length, assetCount);
        address previous = address(0);
        for (uint256 i = 0; i < totals.length; ++i) {
            AssetTotals calldata t = totals[i];
            if (t.asset <= previous) revert AssetsNotAscending(previous, t.asset);
            _requireConserved(epoch, t);
            remaining[epoch][t.asset] = t.allocated;
            unallocated[epoch][t.asset] = t.unallocated;
            if (t.allocated != 0) isAnyAllocated = true;
            previous = t.asset;
        }
    }

    function _requireConserved(uint64 epoch, AssetTotals calldata t) private view {
        uint256 paid = paidIn[epoch][t.asset];
        if (paid == 0) revert AssetNotFunded(epoch, t.asset);
        if (t.paidIn != paid) revert PaidInMismatch(t.asset, t.paidIn, paid);
        uint256 carried = carriedIn(epoch, t.asset);
        if (t.carriedIn != carried) revert CarriedInMismatch(t.asset, t.carriedIn, carried);
        if (t.escrow != 0 || t.fees != 0) revert TermNotSupported(t.asset, t.escrow, t.fees);
        uint256 divided = t.allocated + t.escrow + t.unallocated + t.fees;
        if (divided != paid + carried) revert ConservationBroken(t.asset, divided, paid + carried);
    }

    function _statusOf(Commitment storage commitment) private view returns (EpochStatus) {
        if (commitment.activeAt == 0) return EpochStatus.None;
        return block.timestamp < commitment.activeAt ? EpochStatus.Pending : EpochStatus.Active;
    }

    /* INTERNALS: WITHDRAWALS */

    /// @dev Never reverts on well-formed calldata, so one bad withdrawal cannot stop a batch.
    function _refusalOf(Withdrawal calldata w)
        private
        view
        returns (Refusal refusal, uint256 amount)
    {
        Commitment storage commitment = _commitments[w.epoch];
        if (_statusOf(commitment) != EpochStatus.Active) return (Refusal.EpochNotActive, 0);
        if (registry.isUnderVerdict(w.workId)) return (Refusal.WorkUnderVerdict, 0);
        bool isWellFormed;
        (isWellFormed, amount) = _sumOfSplit(w);
        if (!isWellFormed) return (Refusal.MalformedSplit, 0);
        if (!MerkleProof.verifyCalldata(w.proof, commitment.root, _leafHash(w, amount))) {
            return (Refusal.BadProof, 0);
        }
        if (_paidLines[LeafLib.key(w.epoch, w.workId, w.part, w.asset)] != 0) {
            return (Refusal.AlreadyWithdrawn, 0);
        }
        if (amount > remaining[w.epoch][w.asset]) return (Refusal.ExceedsRemaining, 0);
        return (Refusal.None, amount);
    }

    function _sumOfSplit(Withdrawal calldata w) private view returns (bool, uint256) {
        uint256 lines = w.payees.length;
        if (lines == 0 || lines > SPLIT_LINES_MAX || lines != w.amounts.length) return (false, 0);
        uint256 sum = 0;
        address previous = address(0);
        for (uint256 i = 0; i < lines; ++i) {
            address payee = w.payees[i];
            uint256 amount = w.amounts[i];
            if (payee <= previous || payee == w.asset || payee == address(this)) return (false, 0);
            if (amount == 0 || amount > type(uint256).max - sum) return (false, 0);
            sum += amount;
            previous = payee;
        }
        return (true, sum);
    }

    function _leafHash(Withdrawal calldata w, uint256 amount) private view returns (bytes32) {
        Leaf memory leaf = Leaf({
            epoch: w.epoch,
            workId: w.workId,
            part: w.part,
            asset: w.asset,
            amount: amount,
            splitHash: LeafLib.splitHash(w.payees, w.amounts)
        });
        return LeafLib.hash(leaf, block.chainid, address(this));
    }

    /// @dev `accounted` drops after the transfers, by what they moved: during re-entry this
    /// contract looks poorer than it is, never richer.
    function _settle(Withdrawal calldata w, uint256 amount) private {
        bytes32 leafKey = LeafLib.key(w.epoch, w.workId, w.part, w.asset);
        _paidLines[leafKey] = uint32(type(uint32).max >> (SPLIT_LINES_MAX - w.payees.length));
        remaining[w.epoch][w.asset] -= amount;
        bytes32 opId = _operationId(w);
        emit LeafWithdrawn(opId, w.epoch, w.workId, w.part, w.asset, amount);
        uint256 paid = 0;
        for (uint32 line = 0; line < w.payees.length; ++line) {
            paid += _payLine(opId, w.asset, w.payees[line], w.amounts[line], line);
        }
        accounted[w.asset] -= paid;
    }

    function _payLine(bytes32 opId, address asset, address payee, uint256 amount, uint32 line)
        private
        returns (uint256 paid)
    {
        if (Isolated.trySend(asset, payee, amount)) {
            emit PayeePaid(opId, payee, asset, amount, line);
            return amount;
        }
        unclaimed[payee][asset] += amount;
        emit PayeeUnclaimed(opId, payee, asset, amount, line);
        return 0;
    }

    function _emitRefused(Withdrawal calldata w, Refusal refusal) private {
        emit WithdrawRefused(_operationId(w), w.epoch, w.workId, w.part, w.asset, uint8(refusal));
    }

    function _operationId(Withdrawal calldata w) private view returns (bytes32) {
        return
            OperationLib.withdrawalId(
                block.chainid, address(this), w.epoch, w.workId, w.part, w.asset
            );
    }

    /// @dev Unlike a line of a leaf this must succeed or revert: the money has nowhere else to go.
    function _payUnclaimed(address payee, address asset, address to) private {
        uint256 amount = unclaimed[payee][asset];
        if (amount == 0) revert NothingUnclaimed(payee, asset);
        unclaimed[payee][asset] = 0;
        emit UnclaimedWithdrawn(payee, asset, to, amount);
        IERC20(asset).safeTransfer(to, amount);
        accounted[asset] -= amount;
    }
}
