// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IPayeeHolds} from "../settlement/IPayeeHolds.sol";

/// @title Payment of lines of lists, each at most once
/// @notice Whatever is owed is line `index` of a list. A line is open until it is settled: paid, or
/// set aside as unclaimed because the payee or the token refused. What a list, a batch or a plan
/// looks like changes nothing: one bit per line says for ever that it was settled.
interface ILinePayments is IPayeeHolds {
    /* TYPES */

    /// @notice Why a line was passed over, in the order of the checks. Values are only appended.
    enum SkipReason {
        None,
        Settled,
        Malformed,
        PayeeHeld
    }

    /* ERRORS */

    /// @notice Money cannot be sent there.
    error InvalidRecipient(address to);
    /// @notice The payee has nothing unclaimed in this asset.
    error NothingUnclaimed(address payee, address asset);

    /* EVENTS */

    /// @notice A line was paid. The asset is zero for the native coin, here and everywhere.
    event LinePaid(
        bytes32 indexed opId,
        bytes32 indexed listId,
        address indexed payee,
        uint256 index,
        address asset,
        uint256 amount
    );
    /// @notice A line was refused by the payee or the token and waits for its payee.
    event LineUnclaimed(
        bytes32 indexed opId,
        bytes32 indexed listId,
        address indexed payee,
        uint256 index,
        address asset,
        uint256 amount
    );
    /// @notice A line was passed over and nothing changed: it was settled before, or it stays open.
    /// The last fields are what was asked for, not what was settled.
    event LineSkipped(
        bytes32 indexed opId,
        bytes32 indexed listId,
        address indexed payee,
        uint256 index,
        address asset,
        uint256 amount,
        uint8 reason
    );
    /// @notice Unclaimed money of `payee` was sent to `to`.
    event UnclaimedWithdrawn(
        address indexed payee, address indexed asset, address to, uint256 amount
    );

    /* EXTERNAL */

    /// @notice Stops payments, tips, and withdrawals of fees and unclaimed money; for PAUSER_ROLE.
    /// Holds, changes of fee terms and payments into a float go on.
    function pause() external;

    /// @notice Ends a pause; for the administrator.
    function unpause() external;

    /// @notice Sends the caller's unclaimed money to an address of its choice; neither may be held.
    function withdrawUnclaimed(address asset, address to) external;

    /// @notice Sends a payee's unclaimed money to that payee, who may not be held.
    function pushUnclaimed(address payee, address asset) external;

    /* VIEWS */

    /// @notice Id of line `index` of list `listId` of this contract.
    function operationIdOf(bytes32 listId, uint256 index) external view returns (bytes32);

    /// @notice Whether a line was paid or is unclaimed.
    function isSettled(bytes32 listId, uint256 index) external view returns (bool);

    /// @notice Lines 256 × `word` and following of a list, one bit each, set once settled.
    function settledLines(bytes32 listId, uint256 word) external view returns (uint256);

    /// @notice Set aside for `payee` after a refused transfer.
    function unclaimed(address payee, address asset) external view returns (uint256);

    /// @notice Sum of what is unclaimed in `asset`.
    function unclaimedTotal(address asset) external view returns (uint256);
}
