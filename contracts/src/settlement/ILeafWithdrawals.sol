// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Payment of leaves, line by line
/// @notice A line of a leaf is open until it is settled: paid, or set aside as unclaimed because
/// the payee or the token refused. A line of a held payee stays open, and with it its money; a
/// later withdrawal of the same leaf settles the lines that are open then.
interface ILeafWithdrawals {
    /* TYPES */

    /// @notice Why a withdrawal was refused, in the order of the checks. Values are only appended.
    enum Refusal {
        None,
        EpochNotActive,
        WorkUnderVerdict,
        MalformedSplit,
        BadProof,
        AlreadyWithdrawn,
        ExceedsRemaining,
        AllLinesHeld
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

    /// @notice A `Withdrawal` of a work that is named once for all of them.
    struct EpochLeaf {
        uint64 epoch;
        uint32 part;
        address asset;
        address[] payees;
        uint256[] amounts;
        bytes32[] proof;
    }

    /* ERRORS */

    /// @notice The withdrawal cannot be paid.
    error WithdrawalRefused(Refusal refusal);
    /// @notice The payee has nothing unclaimed in this asset.
    error NothingUnclaimed(address payee, address asset);

    /* EVENTS */

    /// @notice Open lines of a leaf were settled; `amount` is their sum, paid or unclaimed. Comes
    /// again for the same leaf if lines were held.
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
    /// @notice Line `line` was passed over, because its payee is held; it stays open.
    event PayeeHeld(
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

    /// @notice Settles the open lines of one leaf, for whoever asks: each is paid to its payee or,
    /// if the payee or the token refuses, set aside as unclaimed; a held payee's stays open.
    function withdraw(Withdrawal calldata withdrawal) external;

    /// @notice Settles many leaves; one that is refused is reported by `WithdrawRefused`.
    function withdrawBatch(Withdrawal[] calldata withdrawals) external;

    /// @notice Settles leaves of one work, of many epochs; one that is refused is reported by
    /// `WithdrawRefused`.
    function withdrawWork(bytes32 workId, EpochLeaf[] calldata leaves) external;

    /// @notice Sends the caller's unclaimed money to an address of its choice; neither may be held.
    function withdrawUnclaimed(address asset, address to) external;

    /// @notice Sends a payee's unclaimed money to that payee, who may not be held.
    function pushUnclaimed(address payee, address asset) external;
}
