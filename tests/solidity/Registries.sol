// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ContentClaims} from "../../contracts/src/cwe/ContentClaims.sol";
import {CreatorAttestations} from "../../contracts/src/cwe/CreatorAttestations.sol";
import {IRegisteredWorks} from "../../contracts/src/cwe/IRegisteredWorks.sol";
import {SplitAccounts} from "../../contracts/src/cwe/SplitAccounts.sol";
import {WorkRegistry} from "../../contracts/src/cwe/WorkRegistry.sol";
import {EpochClock} from "../../contracts/src/settlement/EpochClock.sol";
import {vm} from "./Vm.sol";

/// @notice The registry of works and what it stands on.
struct Registries {
    CreatorAttestations attestations;
    SplitAccounts splits;
    ContentClaims claims;
    WorkRegistry registry;
}

/// @notice Deploys the registries, which name each other, and makes accounts creators.
library RegistriesLib {
    uint64 internal constant CHALLENGE_WINDOW = 40;
    uint64 internal constant ARBITRATION_WINDOW = 30;
    uint64 internal constant BENEFICIARY_DELAY = 20;

    function deploy(EpochClock clock, address admin) internal returns (Registries memory r) {
        r.attestations = new CreatorAttestations(admin);
        r.splits = new SplitAccounts(clock);
        address registry =
            vm.computeCreateAddress(address(this), uint256(vm.getNonce(address(this))) + 1);
        r.claims = new ContentClaims(
            IRegisteredWorks(registry),
            r.attestations,
            ContentClaims.Windows(CHALLENGE_WINDOW, ARBITRATION_WINDOW, BENEFICIARY_DELAY),
            admin
        );
        r.registry = new WorkRegistry(clock, r.attestations, r.splits, r.claims, admin);
    }

    /// @notice A creator for a year, attested by the administrator, who trusts itself for it.
    function attest(Registries memory r, address admin, address subject) internal {
        bytes32 credential = r.attestations.CREATOR();
        vm.startPrank(admin);
        r.attestations.setIssuer(admin, true);
        r.attestations.attest(subject, credential, uint64(block.timestamp + 366 days));
        vm.stopPrank();
    }
}
