// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

import {CreatorAttestations} from "../../contracts/src/cwe/CreatorAttestations.sol";
import {vm} from "./Vm.sol";

contract CreatorAttestationsTest {
    address private constant ADMIN = address(0xAD);
    address private constant ISSUER = address(0x15);
    address private constant OTHER_ISSUER = address(0x16);
    address private constant SUBJECT = address(0x50);
    uint64 private constant NOW = 1_000_000;

    CreatorAttestations private attestations;
    bytes32 private creator;

    function setUp() public {
        vm.warp(NOW);
        attestations = new CreatorAttestations(ADMIN);
        creator = attestations.CREATOR();
        _trust(ISSUER, true);
        _trust(OTHER_ISSUER, true);
    }

    function test_credential_isTheHashOfItsName() public view {
        vm.assertEq(creator, keccak256("creator"));
    }

    /* VALIDITY */

    function test_isValid_fromAttestationToExpiry() public {
        vm.assertFalse(attestations.isValid(SUBJECT, creator));
        vm.expectEmit(address(attestations));
        emit CreatorAttestations.Attested(SUBJECT, creator, ISSUER, NOW + 10);
        _attest(ISSUER, NOW + 10);
        _assertCreator(true);
        vm.warp(NOW + 9);
        _assertCreator(true);
        vm.warp(NOW + 10);
        _assertCreator(false);
    }

    function testFuzz_isValid_ofThisSubjectAndCredentialAlone(address subject, bytes32 credential)
        public
    {
        _attest(ISSUER, NOW + 10);
        vm.assertTrue(
            attestations.isValid(subject, credential)
                == (subject == SUBJECT && credential == creator)
        );
    }

    function test_isCreator_isAboutTheCreatorCredential() public {
        vm.prank(ISSUER);
        attestations.attest(SUBJECT, keccak256("label"), NOW + 10);
        vm.assertFalse(attestations.isCreator(SUBJECT));
        vm.assertTrue(attestations.isValid(SUBJECT, keccak256("label")));
    }

    function test_isValid_onlyWhileTheIssuerIsTrusted() public {
        _attest(ISSUER, NOW + 10);
        vm.expectEmit(address(attestations));
        emit CreatorAttestations.IssuerSet(ISSUER, false);
        _trust(ISSUER, false);
        _assertCreator(false);
        _trust(ISSUER, true);
        _assertCreator(true);
    }

    /// @notice Even a zero address that somebody trusts by mistake attests nothing.
    function test_isValid_notOfNobody() public {
        _trust(address(0), true);
        _assertCreator(false);
    }

    /* RENEWAL */

    function test_attest_renewsAndReplacesTheIssuer() public {
        _attest(ISSUER, NOW + 10);
        vm.warp(NOW + 20);
        _assertCreator(false);
        _attest(OTHER_ISSUER, NOW + 30);
        _assertCreator(true);
        _trust(ISSUER, false);
        _assertCreator(true);
        (address issuer, uint64 expiresAt) = attestations.attestationOf(SUBJECT, creator);
        vm.assertEq(issuer, OTHER_ISSUER);
        vm.assertEq(expiresAt, NOW + 30);
    }

    function testFuzz_attest_onlyIntoTheFuture(uint64 expiresAt) public {
        if (expiresAt <= NOW) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    CreatorAttestations.ExpiryNotInFuture.selector, expiresAt, NOW
                )
            );
        }
        _attest(ISSUER, expiresAt);
        vm.assertTrue(attestations.isCreator(SUBJECT) == (expiresAt > NOW));
    }

    function test_RevertWhen_expiryIsNow() public {
        vm.expectRevert(
            abi.encodeWithSelector(CreatorAttestations.ExpiryNotInFuture.selector, NOW, NOW)
        );
        _attest(ISSUER, NOW);
    }

    function testFuzz_RevertWhen_strangerAttests(address stranger) public {
        vm.assume(stranger != ISSUER && stranger != OTHER_ISSUER);
        vm.expectRevert(
            abi.encodeWithSelector(CreatorAttestations.NotTrustedIssuer.selector, stranger)
        );
        _attest(stranger, NOW + 10);
    }

    function test_RevertWhen_formerIssuerAttests() public {
        _trust(ISSUER, false);
        vm.expectRevert(
            abi.encodeWithSelector(CreatorAttestations.NotTrustedIssuer.selector, ISSUER)
        );
        _attest(ISSUER, NOW + 10);
    }

    /* REVOCATION */

    function test_revoke_byIssuerEvenWhenNotTrustedAnyMore() public {
        _attest(ISSUER, NOW + 10);
        _trust(ISSUER, false);
        vm.expectEmit(address(attestations));
        emit CreatorAttestations.Revoked(SUBJECT, creator, ISSUER);
        _revoke(ISSUER);
        _trust(ISSUER, true);
        _assertCreator(false);
    }

    function test_revoke_byAdministrator() public {
        _attest(ISSUER, NOW + 10);
        vm.expectEmit(address(attestations));
        emit CreatorAttestations.Revoked(SUBJECT, creator, ADMIN);
        _revoke(ADMIN);
        _assertCreator(false);
        _attest(ISSUER, NOW + 10);
        _assertCreator(true);
    }

    function test_RevertWhen_anotherIssuerRevokes() public {
        _attest(ISSUER, NOW + 10);
        vm.expectRevert(_notItsIssuer(OTHER_ISSUER));
        _revoke(OTHER_ISSUER);
        vm.expectRevert(_notItsIssuer(SUBJECT));
        _revoke(SUBJECT);
        _attest(OTHER_ISSUER, NOW + 10);
        vm.expectRevert(
            abi.encodeWithSelector(
                CreatorAttestations.NotIssuerOfAttestation.selector, ISSUER, OTHER_ISSUER
            )
        );
        _revoke(ISSUER);
    }

    function test_RevertWhen_nothingIsAttested() public {
        bytes memory refusal =
            abi.encodeWithSelector(CreatorAttestations.NotAttested.selector, SUBJECT, creator);
        vm.expectRevert(refusal);
        _revoke(ADMIN);
        _attest(ISSUER, NOW + 10);
        _revoke(ISSUER);
        vm.expectRevert(refusal);
        _revoke(ISSUER);
    }

    /* ISSUERS */

    function testFuzz_RevertWhen_strangerSetsIssuer(address stranger) public {
        vm.assume(stranger != ADMIN);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessControl.AccessControlUnauthorizedAccount.selector, stranger, bytes32(0)
            )
        );
        vm.prank(stranger);
        attestations.setIssuer(stranger, true);
    }

    /* STEPS */

    function _trust(address issuer, bool isTrusted) private {
        vm.prank(ADMIN);
        attestations.setIssuer(issuer, isTrusted);
    }

    function _attest(address issuer, uint64 expiresAt) private {
        vm.prank(issuer);
        attestations.attest(SUBJECT, creator, expiresAt);
    }

    function _revoke(address account) private {
        vm.prank(account);
        attestations.revoke(SUBJECT, creator);
    }

    function _assertCreator(bool expected) private view {
        vm.assertTrue(attestations.isValid(SUBJECT, creator) == expected);
        vm.assertTrue(attestations.isCreator(SUBJECT) == expected);
    }

    function _notItsIssuer(address account) private pure returns (bytes memory) {
        return abi.encodeWithSelector(
            CreatorAttestations.NotIssuerOfAttestation.selector, account, ISSUER
        );
    }
}
