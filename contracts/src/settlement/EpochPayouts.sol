// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EpochClock} from "./EpochClock.sol";
import {EpochCommits} from "./EpochCommits.sol";
import {EscrowReleases} from "./EscrowReleases.sol";
import {GuardianSet} from "./GuardianSet.sol";
import {IEpochPayouts} from "./IEpochPayouts.sol";
import {IEscrowBeneficiaries} from "./IEscrowBeneficiaries.sol";
import {IWorkVerdicts} from "./IWorkVerdicts.sol";
import {LeafWithdrawals} from "./LeafWithdrawals.sol";
import {UnallocatedTransfers} from "./UnallocatedTransfers.sol";

/// @title Payment of royalties by epoch
/// @dev Puts the parts together; each part has its own file and its own interface.
/// @dev Warning: assets must be plain ERC-20 tokens. A token that takes a fee pays payees less than
/// the events say; one that rebases down breaks the solvency of that asset, and of no other.
contract EpochPayouts is
    IEpochPayouts,
    EpochCommits,
    LeafWithdrawals,
    EscrowReleases,
    UnallocatedTransfers
{
    /* CONSTRUCTOR */

    /// @param guardians_ Strictly ascending; `threshold_` must be a majority of them.
    /// @param admin Receives DEFAULT_ADMIN_ROLE and nothing else; it grants the other roles.
    constructor(
        EpochClock clock_,
        IWorkVerdicts registry_,
        IEscrowBeneficiaries beneficiaries_,
        Delays memory delays,
        address[] memory guardians_,
        uint32 threshold_,
        address admin
    )
        EpochCommits(clock_, delays.vetoWindow)
        GuardianSet(delays.governanceDelay)
        LeafWithdrawals(registry_)
        EscrowReleases(beneficiaries_, delays.escrowExpiry)
    {
        if (delays.vetoWindow == 0) revert VetoWindowIsZero();
        if (delays.governanceDelay <= delays.vetoWindow) {
            revert GovernanceDelayTooShort(delays.governanceDelay, delays.vetoWindow);
        }
        emit SettlementStarted(address(clock_), address(registry_), delays.vetoWindow);
        _requireProperSet(guardians_, threshold_);
        _install(guardians_, threshold_);
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /* EXTERNAL */

    /// @inheritdoc IEpochPayouts
    function pause() external {
        if (!_isGuardianOrAdmin(msg.sender)) revert MayNotPause(msg.sender);
        _pause();
    }

    /// @inheritdoc IEpochPayouts
    function unpause() external onlyRole(DEFAULT_ADMIN_ROLE) {
        _unpause();
    }
}
