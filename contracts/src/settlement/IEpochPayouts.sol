// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEpochBooks} from "./IEpochBooks.sol";
import {IEpochCommits} from "./IEpochCommits.sol";
import {IEscrowReleases} from "./IEscrowReleases.sol";
import {IGuardianSet} from "./IGuardianSet.sol";
import {ILeafWithdrawals} from "./ILeafWithdrawals.sol";
import {IPayeeHolds} from "./IPayeeHolds.sol";
import {IUnallocatedTransfers} from "./IUnallocatedTransfers.sol";

/// @title Payment of royalties by epoch
/// @notice Money is paid in for an epoch. After the epoch a quorum of guardians approves a Merkle
/// root over what every work earned, and the whole sum is divided into leaves and unallocated rest.
/// Any one guardian may veto the root until it becomes active. Then anyone may have a leaf paid, to
/// the payees and in the amounts that the leaf commits to.
///
///     fund(e) ... | end | grace | commitEpoch(e) -- veto window --> active: withdraw, release
///                                    ^                  |
///                                    +----- veto(e) ----+   (attempt + 1)
///
/// Where money is once its epoch is committed, and how it moves on:
///
///     remaining   -- withdraw ------> payee, or unclaimed if the payee or the token refuses
///     escrowed    -- releaseEscrow -> unclaimed of the beneficiary
///                 -- expireEscrow --> unallocated
///     unallocated -- announce, apply -> recipient
///     unclaimed   -- push, withdraw -> payee, or where the payee says
///
/// @dev Two invariants per asset: the balance is never below `accounted`, and `accounted` is the
/// sum of money paid in for epochs not committed, of `remaining`, of `escrowed`, of `unallocated`
/// and of `unclaimed`.
interface IEpochPayouts is
    IEpochCommits,
    ILeafWithdrawals,
    IEscrowReleases,
    IUnallocatedTransfers,
    IEpochBooks,
    IGuardianSet,
    IPayeeHolds
{
    /* TYPES */

    /// @notice The settlement's immutable delays, in seconds.
    /// @param vetoWindow From the commit of an epoch to its activation.
    /// @param governanceDelay From the announcement of a privileged change to its application;
    /// longer than the veto window, so that what the former guardians committed before the
    /// announcement is beyond veto, or vetoed, when others take office.
    /// @param escrowExpiry From the activation of an epoch to the expiry of its escrow.
    struct Delays {
        uint64 vetoWindow;
        uint64 governanceDelay;
        uint64 escrowExpiry;
    }

    /* ERRORS */

    /// @notice Without a veto window nobody could stop a wrong root.
    error VetoWindowIsZero();
    /// @notice Guardians could be replaced before a root of theirs can no longer be vetoed.
    error GovernanceDelayTooShort(uint64 governanceDelay, uint64 vetoWindow);
    /// @notice The account may not pause.
    error MayNotPause(address account);

    /* EVENTS */

    /// @notice The contract was deployed with these immutable parts.
    event SettlementStarted(address clock, address registry, uint64 vetoWindow);

    /* EXTERNAL */

    /// @notice Stops commits, withdrawals, releases and expiries of escrow, unclaimed payments and
    /// transfers of unallocated money; for any guardian or the administrator. Vetoes, holds,
    /// announcements, cancellations, the replacement of guardians and payments in go on.
    function pause() external;

    /// @notice Ends a pause; for the administrator.
    function unpause() external;
}
