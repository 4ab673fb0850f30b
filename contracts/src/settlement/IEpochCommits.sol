// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGuardianSet} from "./IGuardianSet.sol";

/// @title Payment into epochs, and the commit and veto of their roots
interface IEpochCommits {
    /* TYPES */

    /// @notice How one asset of an epoch is divided, in base units:
    /// allocated + escrow + unallocated + fees = paidIn + carriedIn.
    /// @param allocated Sum of the leaves of works.
    /// @param escrow Sum of the leaves that wait for a beneficiary.
    /// @param unallocated Belongs to nobody; moves only by an announced transfer.
    /// @param fees Amount of the fee leaf.
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

    /* ERRORS */

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
    /// @notice What is divided is not what there is to divide.
    error ConservationBroken(address asset, uint256 divided, uint256 available);
    /// @notice The root must be zero if and only if there are no leaves.
    error RootContradictsTotals(bytes32 root);

    /// @notice The account may not veto.
    error MayNotVeto(address account);
    /// @notice Only a pending epoch can be vetoed.
    error EpochNotPending(uint64 epoch);

    /* EVENTS */

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

    /* EXTERNAL */

    /// @notice Pays in for the current or the next epoch, from the caller, who holds FUNDER_ROLE.
    /// @dev Works while paused: a subscriber is not made to suffer for a settlement problem.
    /// @return received What arrived, measured by the balance.
    function fund(uint64 epoch, address asset, uint256 amount) external returns (uint256 received);

    /// @notice Commits the root of the next epoch. Anyone may relay the guardians' signatures.
    /// @param signatures At least `threshold`, by strictly ascending signer; all must be valid.
    function commitEpoch(
        Approval calldata approval,
        IGuardianSet.GuardianSignature[] calldata signatures
    ) external;

    /// @notice Undoes a commit before it becomes active, also while paused.
    /// @dev For any guardian and for holders of VETO_ROLE.
    function veto(uint64 epoch, bytes32 reasonDigest) external;

    /* VIEWS */

    /// @notice EIP-712 digest that guardians sign.
    function approvalDigest(Approval calldata approval) external view returns (bytes32);

    /// @notice The epoch that is committed next.
    function nextEpoch() external view returns (uint64);
}
