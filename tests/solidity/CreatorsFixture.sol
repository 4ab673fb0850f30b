// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ContentClaims} from "../../contracts/src/cwe/ContentClaims.sol";
import {WorkRegistry} from "../../contracts/src/cwe/WorkRegistry.sol";
import {EpochClock} from "../../contracts/src/settlement/EpochClock.sol";
import {LeafIds} from "../../contracts/src/settlement/LeafIds.sol";
import {Registries, RegistriesLib} from "./Registries.sol";
import {vm} from "./Vm.sol";

/// @notice Three attested creators, a curator and an arbiter before fresh registries.
abstract contract CreatorsFixture {
    address internal constant ADMIN = address(0xAD);
    address internal constant CURATOR = address(0xC1);
    address internal constant ARBITER = address(0xA6);
    address internal constant ALICE = address(0xA11CE);
    address internal constant BOB = address(0xB0B);
    address internal constant CAROL = address(0xCA501);
    address internal constant STRANGER = address(0x57);
    bytes32 internal constant SALT = keccak256("salt");
    bytes32 internal constant CONTENT = keccak256("content");
    bytes32 internal constant EVIDENCE = keccak256("evidence");
    uint64 internal constant EPOCH = 7;
    uint64 internal constant LENGTH = 100;

    EpochClock internal clock;
    Registries internal registries;
    WorkRegistry internal registry;
    ContentClaims internal claims;

    function setUp() public virtual {
        vm.warp(1_000_000);
        clock = new EpochClock(1_000_000, LENGTH, 10);
        vm.warp(clock.startOf(EPOCH));
        registries = RegistriesLib.deploy(clock, ADMIN);
        (registry, claims) = (registries.registry, registries.claims);
        vm.startPrank(ADMIN);
        registry.grantRole(registry.CURATOR_ROLE(), CURATOR);
        claims.grantRole(claims.ARBITER_ROLE(), ARBITER);
        vm.stopPrank();
        RegistriesLib.attest(registries, ADMIN, ALICE);
        RegistriesLib.attest(registries, ADMIN, BOB);
        RegistriesLib.attest(registries, ADMIN, CAROL);
    }

    function revokeAttestation(address account) internal {
        bytes32 credential = registries.attestations.CREATOR();
        vm.prank(ADMIN);
        registries.attestations.revoke(account, credential);
    }

    /* WORKS */

    function alone(address payee)
        internal
        pure
        returns (address[] memory payees, uint32[] memory shares)
    {
        (payees, shares) = (new address[](1), new uint32[](1));
        (payees[0], shares[0]) = (payee, 1_000_000);
    }

    function termsOf(bytes32 contentId, address payee)
        internal
        pure
        returns (WorkRegistry.Terms memory)
    {
        (address[] memory payees, uint32[] memory shares) = alone(payee);
        return WorkRegistry.Terms(contentId, 5, bytes32(0), payees, shares);
    }

    function register(address account, bytes32 contentId) internal returns (bytes32) {
        vm.prank(account);
        return registry.register(contentId, termsOf(contentId, account), new bytes[](1));
    }

    function recognise() internal returns (bytes32) {
        vm.prank(CURATOR);
        return registry.recognise(SALT, CONTENT, 5, bytes32(0));
    }

    /* CLAIMS */

    function challenge(address account) internal {
        vm.prank(account);
        claims.challenge(CONTENT, EVIDENCE);
    }

    function resolve(bool isUpheld) internal {
        vm.prank(ARBITER);
        claims.resolve(CONTENT, isUpheld);
    }

    function pass(uint64 duration) internal {
        vm.warp(block.timestamp + duration);
    }

    /// @notice What stands over `CONTENT`: `claimant` while not final, `beneficiary` once it is.
    function assertStands(address claimant, address beneficiary) internal view {
        bytes32 escrowId = LeafIds.escrowOf(CONTENT);
        vm.assertEq(claims.claimOf(CONTENT).claimant, claimant);
        vm.assertEq(claims.beneficiaryOf(escrowId), beneficiary);
        bool isOpen = claimant != address(0) && beneficiary == address(0);
        vm.assertTrue(claims.isClaimOpen(escrowId) == isOpen);
    }
}
