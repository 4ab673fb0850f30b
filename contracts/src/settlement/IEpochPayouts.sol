// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Payment of royalties by epoch
/// @notice Money is paid in for an epoch. After the epoch a quorum of guardians approves a Merkle
/// root over what every work earned, and the whole sum is divided into leaves and unallocated rest.
/// Any one guardian may veto the root until it becomes active. Then anyone may have a leaf paid, to
/// the payees and in the amounts that the leaf commits to.
///
///     fund(e) ... | end | grace | commitEpoch(e) -- veto window --> active: withdraw
///                                    ^                  |
///                                    +----- veto(e) ----+   (attempt + 1)
///
/// @dev Two invariants per asset: the balance is never below `accounted`, and `accounted` is the
/// sum of money paid in for epochs not committed, of `remaining`, of `unallocated` and of
/// `unclaimed`.
interface IEpochPayouts {
    /* TYPES */

    /// @notice Where an epoch stands. Pending becomes active by time alone.
    enum EpochStatus {
        None,
        Pending,
        Active
    }

    /// @notice Why a withdrawal was refused, in the order of the checks. Values are only appended.
    enum Refusal {
        None,
        EpochNotActive,
        WorkUnderVerdict,
        MalformedSplit,
        BadProof,
        AlreadyWithdrawn,
        ExceedsRemaining
    }

    /// @notice An epoch as committed; root, digest and activeAt are zero while there is no commit.
    struct EpochState {
        bytes32 root;
        bytes32 manifestDigest;
        uint64 activeAt;
        uint32 attempt;
        EpochStatus status;
    }

    /// @notice How one asset of an epoch is divided, in base units:
    /// allocated + escrow + unallocated + fees = paidIn + carriedIn.
    /// @param allocated Sum of the leaves.
    /// @param unallocated Belongs to no work; stays here and backs nothing.
    struct AssetTotals {
        address asset;
        uint256 paidIn;
        uint256 carriedIn;
        uint256 allocated;
        uint256 escrow;
        uint256 unallocated;
        uint256 fees;
    }

    /// @notice What guardians sign (EIP-712 `EpochApproval`).
    /// @param attempt Counts from 1; a veto raises it and thereby voids all earlier signatures.
    /// @param guardianSet The set that signs; voids signatures of a replaced set.
    /// @param totals One entry for every asset paid in for the epoch, by ascending asset.
    /// @param deadline Last second at which the approval may be committed.
    struct Approval {
        uint64 epoch;
        uint32 attempt;
        uint32 guardianSet;
        bytes32 manifestDigest;
        bytes32 root;
        AssetTotals[] totals;
        uint64 deadline;
    }

    /// @notice One guardian's 65-byte ECDSA signature over `approvalDigest`.
    struct GuardianSignature {
        address signer;
        bytes signature;
    }

    /// @notice A leaf, opened: who is paid what, and the proof that the root contains it. The
    /// leaf's amount is the sum of `amounts`.
    struct Withdrawal {
        uint64 epoch;
        bytes32 workId;
        uint32 part;
        address asset;
        address[] payees;
        uint256[] amounts;
        bytes32[] proof;
    }

    /* ERRORS */

    /// @notice Guardians must be given in strictly ascending order and without zero.
    error GuardiansNotAscending(address previous, address guardian);
    /// @notice The threshold must be a majority of the guardians.
    error ThresholdNotMajority(uint32 threshold, uint256 guardians);
    /// @notice Without a veto window nobody could stop a wrong root.
    error VetoWindowIsZero();

    /// @notice Money is taken for the current and the next epoch only.
    error EpochNotPayable(uint64 epoch, uint64 current);
    /// @notice The asset has no code.
    error NotAContract(address asset);
    /// @notice The transfer did not raise the balance.
    error NothingReceived(address asset);
    /// @notice The epoch was funded in as many assets as it can hold.
    error TooManyAssets(uint64 epoch, uint256 maximum);

    /// @notice Epochs are committed in order.
    error NotNextEpoch(uint64 epoch, uint64 expected);
    /// @notice The epoch before can still be vetoed.
    error PreviousEpochPending(uint64 previous, uint64 activeAt);
    /// @notice The epoch still accepts usage.
    error EpochStillOpen(uint64 epoch, uint64 graceEnd);
    /// @notice The approval is for another attempt.
    error WrongAttempt(uint32 attempt, uint32 expected);
    /// @notice The approval is by another guardian set.
    error WrongGuardianSet(uint32 guardianSet, uint32 expected);
    /// @notice The approval may not be committed any more.
    error ApprovalExpired(uint64 deadline, uint64 timestamp);
    /// @notice Fewer signatures than the threshold.
    error BelowThreshold(uint256 signatures, uint32 threshold);
    /// @notice Signatures must be ordered by strictly ascending signer.
    error SignersNotAscending(address previous, address signer);
    /// @notice The signer is no guardian.
    error NotAGuardian(address signer);
    /// @notice The signature is not the signer's over this approval.
    error SignatureInvalid(address signer);

    /// @notice The totals must name every asset of the epoch.
    error AssetCountMismatch(uint256 actual, uint256 expected);
    /// @notice Totals must be ordered by strictly ascending asset.
    error AssetsNotAscending(address previous, address asset);
    /// @notice Nothing was paid in for the epoch in this asset.
    error AssetNotFunded(uint64 epoch, address asset);
    /// @notice The totals name another sum than was paid in.
    error PaidInMismatch(address asset, uint256 actual, uint256 expected);
    /// @notice The totals name another sum than was carried in.
    error CarriedInMismatch(address asset, uint256 actual, uint256 expected);
    /// @notice This version knows neither escrow nor fees.
    error TermNotSupported(address asset, uint256 escrow, uint256 fees);
    /// @notice What is divided is not what there is to divide.
    error ConservationBroken(address asset, uint256 divided, uint256 available);
    /// @notice The root must be zero if and only if nothing is allocated.
    error RootContradictsTotals(bytes32 root);

    /// @notice The account may not veto.
    error MayNotVeto(address account);
    /// @notice The account may not pause.
    error MayNotPause(address account);
    /// @notice Only a pending epoch can be vetoed.
    error EpochNotPending(uint64 epoch);

    /// @notice The withdrawal cannot be paid.
    error WithdrawalRefused(Refusal refusal);
    /// @notice The payee has nothing unclaimed in this asset.
    error NothingUnclaimed(address payee, address asset);
    /// @notice Unclaimed money cannot be sent there.
    error InvalidRecipient(address to);

    /* EVENTS */

    /// @notice The contract was deployed with these immutable parts.
    event SettlementStarted(address clock, address registry, uint64 vetoWindow);
    /// @notice `guardians` are in office; `threshold` of them approve an epoch.
    event GuardianSetChanged(uint32 indexed guardianSet, uint32 threshold, address[] guardians);
    /// @notice `amount`, as measured on arrival, was paid in for `epoch`.
    event EpochFunded(
        uint64 indexed epoch, address indexed asset, address indexed source, uint256 amount
    );
    /// @notice The root was committed; it becomes active at `activeAt` unless it is vetoed.
    event EpochCommitted(
        uint64 indexed epoch,
        uint32 indexed attempt,
        bytes32 indexed manifestDigest,
        bytes32 root,
        uint64 activeAt,
        uint32 guardianSet,
        address[] signers,
        AssetTotals[] totals
    );
    /// @notice The commit of `attempt` was undone; the epoch may be committed again.
    event EpochVetoed(
        uint64 indexed epoch, uint32 indexed attempt, address indexed by, bytes32 reasonDigest
    );
    /// @notice A leaf was settled; `amount` is the sum of its lines, paid or unclaimed.
    event LeafWithdrawn(
        bytes32 indexed opId,
        uint64 indexed epoch,
        bytes32 indexed workId,
        uint32 part,
        address asset,
        uint256 amount
    );
    /// @notice Line `line` of the leaf's split was paid.
    event PayeePaid(
        bytes32 indexed opId,
        address indexed payee,
        address indexed asset,
        uint256 amount,
        uint32 line
    );
    /// @notice Line `line` was refused by the payee or the token and waits for its payee.
    event PayeeUnclaimed(
        bytes32 indexed opId,
        address indexed payee,
        address indexed asset,
        uint256 amount,
        uint32 line
    );
    /// @notice One withdrawal of a batch was refused; nothing of it was paid.
    event WithdrawRefused(
        bytes32 indexed opId,
        uint64 indexed epoch,
        bytes32 indexed workId,
        uint32 part,
        address asset,
        uint8 refusal
    );
    /// @notice Unclaimed money of `payee` was sent to `to`.
    event UnclaimedWithdrawn(
        address indexed payee, address indexed asset, address to, uint256 amount
    );

    /* EXTERNAL */

    /// @notice Pays in for the current or the next epoch, from the caller, who holds FUNDER_ROLE.
    /// @dev Works while paused: a subscriber is not made to suffer for a settlement problem.
    /// @return received What arrived, measured by the balance.
    function fund(uint64 epoch, address asset, uint256 amount) external returns (uint256 received);

    /// @notice Commits the root of the next epoch. Anyone may relay the guardians' signatures.
    /// @param signatures At least `threshold`, by strictly ascending signer; all must be valid.
    function commitEpoch(Approval calldata approval, GuardianSignature[] calldata signatures)
        external;

    /// @notice Undoes a commit before it becomes active, also while paused.
    /// @dev For any guardian and for holders of VETO_ROLE.
    function veto(uint64 epoch, bytes32 reasonDigest) external;

    /// @notice Settles one leaf, for whoever asks: each line is paid to its payee or, if the payee
    /// or the token refuses, set aside as unclaimed.
    function withdraw(Withdrawal calldata withdrawal) external;

    /// @notice Settles many leaves; one that is refused is reported by `WithdrawRefused`.
    function withdrawBatch(Withdrawal[] calldata withdrawals) external;

    /// @notice Sends the caller's unclaimed money to an address of its choice.
    function withdrawUnclaimed(address asset, address to) external;

    /// @notice Sends a payee's unclaimed money to that payee.
    function pushUnclaimed(address payee, address asset) external;

    /// @notice Stops commits, withdrawals and unclaimed payments; for any guardian or admin.
    function pause() external;

    /// @notice Ends a pause; for the admin.
    function unpause() external;

    /* VIEWS */

    /// @notice EIP-712 digest that guardians sign.
    function approvalDigest(Approval calldata approval) external view returns (bytes32);

    /// @notice State of an epoch at the current block.
    function epochOf(uint64 epoch) external view returns (EpochState memory);

    /// @notice The attempt that the next approval of `epoch` must name.
    function attemptOf(uint64 epoch) external view returns (uint32);

    /// @notice The epoch that is committed next.
    function nextEpoch() external view returns (uint64);

    /// @notice Assets paid in for `epoch`, by first payment.
    function assetsOf(uint64 epoch) external view returns (address[] memory);

    /// @notice Paid in for `epoch`, never reduced.
    function paidIn(uint64 epoch, address asset) external view returns (uint256);

    /// @notice Carried into `epoch` from unallocated money; always zero in this version.
    function carriedIn(uint64 epoch, address asset) external view returns (uint256);

    /// @notice Allocated to the leaves of `epoch` and not settled yet.
    function remaining(uint64 epoch, address asset) external view returns (uint256);

    /// @notice What the commit of `epoch` left to nobody.
    function unallocated(uint64 epoch, address asset) external view returns (uint256);

    /// @notice Set aside for `payee` after a refused transfer.
    function unclaimed(address payee, address asset) external view returns (uint256);

    /// @notice All that this contract holds for somebody in `asset`.
    function accounted(address asset) external view returns (uint256);

    /// @notice Settled lines of a leaf: bit i is set once line i is paid or unclaimed.
    function paidLines(uint64 epoch, bytes32 workId, uint32 part, address asset)
        external
        view
        returns (uint32);

    /// @notice Guardians in office, ascending.
    function guardians() external view returns (address[] memory);

    /// @notice Whether `account` is a guardian in office.
    function isGuardian(address account) external view returns (bool);

    /// @notice Number of guardians that approve an epoch.
    function threshold() external view returns (uint32);

    /// @notice Number of the guardian set in office, from 1.
    function guardianSet() external view returns (uint32);
}
