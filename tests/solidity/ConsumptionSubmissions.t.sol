// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AttestorVerifier} from "../../contracts/src/cwe/AttestorVerifier.sol";
import {ConsumptionSubmissions} from "../../contracts/src/cwe/ConsumptionSubmissions.sol";
import {EpochClock} from "../../contracts/src/settlement/EpochClock.sol";
import {vm} from "./Vm.sol";

/// @notice Submissions through the attestor's verifier; the verifier alone at the end.
contract ConsumptionSubmissionsTest {
    uint256 private constant FIELD_ORDER =
        21888242871839275222246405745257275088548364400416034343698204186575808495617;
    uint256 private constant CURVE_ORDER =
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
    uint256 private constant ATTESTOR_KEY = 21;
    uint64 private constant EPOCH = 7;
    bytes32 private constant TIER = keccak256("tier");
    address private constant ALICE = address(0xA1);
    address private constant MALLORY = address(0x3A);

    EpochClock private clock;
    AttestorVerifier private verifier;
    ConsumptionSubmissions private submissions;

    function setUp() public {
        vm.warp(1_000_000);
        clock = new EpochClock(1_000_000, 100, 10);
        vm.warp(clock.startOf(EPOCH));
        verifier = new AttestorVerifier(vm.addr(ATTESTOR_KEY));
        submissions = new ConsumptionSubmissions(clock, verifier);
    }

    /* SUBMIT */

    function test_submit_emitsEverything() public {
        ConsumptionSubmissions.Usage memory usage = _usage(2);
        bytes memory proof = _proof(ALICE, usage);
        bytes32 digest = bytes32(
            uint256(
                keccak256(
                    abi.encode(
                        ALICE,
                        usage.epoch,
                        usage.tierId,
                        usage.part,
                        usage.workIds,
                        usage.minutesPlayed,
                        usage.plays,
                        usage.pseudonyms
                    )
                )
            ) % FIELD_ORDER
        );
        vm.expectEmit(address(submissions));
        emit ConsumptionSubmissions.ConsumptionSubmitted(
            ALICE,
            EPOCH,
            TIER,
            usage.part,
            usage.workIds,
            usage.minutesPlayed,
            usage.plays,
            usage.pseudonyms,
            digest
        );
        _submit(ALICE, usage, proof);
        vm.assertTrue(submissions.isSubmitted(EPOCH, ALICE, usage.part));
    }

    function test_submit_manyPartsAndTheLargest() public {
        ConsumptionSubmissions.Usage memory usage = _usage(16);
        _submit(ALICE, usage, _proof(ALICE, usage));
        usage.part = type(uint16).max;
        _submit(ALICE, usage, _proof(ALICE, usage));
        _submit(MALLORY, usage, _proof(MALLORY, usage));
    }

    function test_submit_duringGraceOfTheLastEpoch() public {
        ConsumptionSubmissions.Usage memory usage = _usage(1);
        vm.warp(clock.graceEndOf(EPOCH) - 1);
        _submit(ALICE, usage, _proof(ALICE, usage));
    }

    function test_RevertWhen_graceIsOver() public {
        ConsumptionSubmissions.Usage memory usage = _usage(1);
        vm.warp(clock.graceEndOf(EPOCH));
        _expectNotOpen(usage, EPOCH + 1);
    }

    function test_RevertWhen_epochIsInFuture() public {
        ConsumptionSubmissions.Usage memory usage = _usage(1);
        usage.epoch = EPOCH + 1;
        _expectNotOpen(usage, EPOCH);
    }

    function test_RevertWhen_partIsSubmittedTwice() public {
        ConsumptionSubmissions.Usage memory usage = _usage(1);
        _submit(ALICE, usage, _proof(ALICE, usage));
        usage.plays[0] += 1;
        _expectRevert(
            usage,
            _proof(ALICE, usage),
            abi.encodeWithSelector(
                ConsumptionSubmissions.AlreadySubmitted.selector, EPOCH, ALICE, usage.part
            )
        );
    }

    function test_RevertWhen_workCountIsOutOfRange() public {
        _expectRevert(_usage(0), "", _countOutOfRange(0));
        _expectRevert(_usage(17), "", _countOutOfRange(17));
    }

    function test_RevertWhen_lengthsDiffer() public {
        ConsumptionSubmissions.Usage memory usage = _usage(2);
        usage.minutesPlayed = new uint32[](1);
        _expectRevert(usage, "", _lengthMismatch(2, 1, 2, 2));
        usage = _usage(2);
        usage.plays = new uint32[](3);
        _expectRevert(usage, "", _lengthMismatch(2, 2, 3, 2));
        usage = _usage(2);
        usage.pseudonyms = new bytes32[](0);
        _expectRevert(usage, "", _lengthMismatch(2, 2, 2, 0));
    }

    function test_RevertWhen_idIsNotBelowTheFieldOrder() public {
        ConsumptionSubmissions.Usage memory usage = _usage(2);
        usage.workIds[1] = bytes32(FIELD_ORDER);
        _expectRevert(usage, "", _notCanonical(bytes32(FIELD_ORDER)));
        usage = _usage(2);
        usage.pseudonyms[0] = bytes32(uint256(usage.pseudonyms[0]) + FIELD_ORDER);
        _expectRevert(usage, "", _notCanonical(usage.pseudonyms[0]));
    }

    function test_submit_greatestCanonicalIds() public {
        ConsumptionSubmissions.Usage memory usage = _usage(1);
        usage.workIds[0] = bytes32(FIELD_ORDER - 1);
        usage.pseudonyms[0] = bytes32(FIELD_ORDER - 1);
        _submit(ALICE, usage, _proof(ALICE, usage));
    }

    function test_RevertWhen_anotherSubmitterCopiesTheProof() public {
        ConsumptionSubmissions.Usage memory usage = _usage(2);
        bytes memory proof = _proof(ALICE, usage);
        vm.prank(MALLORY);
        vm.expectRevert(_proofRejected());
        submissions.submit(usage, proof);
    }

    function test_RevertWhen_proofIsForAnotherPart() public {
        ConsumptionSubmissions.Usage memory usage = _usage(2);
        bytes memory proof = _proof(ALICE, usage);
        usage.part += 1;
        _expectRevert(usage, proof, _proofRejected());
    }

    function testFuzz_RevertWhen_usageIsChanged(uint8 field, uint256 place, uint8 bit) public {
        ConsumptionSubmissions.Usage memory usage = _usage(3);
        bytes memory proof = _proof(ALICE, usage);
        field %= 5;
        if (field == 0) usage.tierId ^= bytes32(uint256(1) << bit);
        if (field == 1) usage.workIds[place % 3] ^= bytes32(uint256(1) << (bit % 200));
        if (field == 2) usage.minutesPlayed[place % 3] ^= uint32(1) << (bit % 32);
        if (field == 3) usage.plays[place % 3] ^= uint32(1) << (bit % 32);
        if (field == 4) usage.pseudonyms[place % 3] ^= bytes32(uint256(1) << (bit % 200));
        _expectRevert(usage, proof, _proofRejected());
    }

    function testFuzz_RevertWhen_anyByteOfTheProofIsFlipped(uint8 mask) public {
        vm.assume(mask != 0);
        ConsumptionSubmissions.Usage memory usage = _usage(2);
        bytes memory proof = _proof(ALICE, usage);
        for (uint256 place = 0; place < 65; ++place) {
            proof[place] ^= bytes1(mask);
            _expectRevert(usage, proof, _proofRejected());
            proof[place] ^= bytes1(mask);
        }
        _submit(ALICE, usage, proof);
    }

    function testFuzz_digest_isBelowTheFieldOrder(
        address submitter,
        ConsumptionSubmissions.Usage memory usage
    ) public view {
        vm.assertGt(
            FIELD_ORDER, uint256(submissions.digestOf(submitter, usage)), "digest is canonical"
        );
    }

    /* ATTESTOR */

    function test_RevertWhen_attestorIsZero() public {
        vm.expectRevert(abi.encodeWithSelector(AttestorVerifier.AttestorIsZero.selector));
        new AttestorVerifier(address(0));
    }

    function test_verify_otherSignatureFormsAreRejectedWithoutRevert() public view {
        bytes32 digest = bytes32(uint256(1));
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(ATTESTOR_KEY, verifier.consumptionDigest(digest, ALICE, EPOCH));
        bytes32 highS = bytes32(CURVE_ORDER - uint256(s));
        bytes32 shortS = s | bytes32(uint256(v - 27) << 255);
        vm.assertTrue(_verify(digest, abi.encodePacked(r, s, v)));
        vm.assertFalse(_verify(digest, abi.encodePacked(r, highS, uint8(55 - v))), "malleable");
        vm.assertFalse(_verify(digest, abi.encodePacked(r, s, v - 27)), "parity instead of v");
        vm.assertFalse(_verify(digest, abi.encodePacked(r, shortS)), "64 bytes");
        vm.assertFalse(_verify(digest, abi.encodePacked(r, s, v, v)), "66 bytes");
        vm.assertFalse(_verify(digest, ""), "empty");
        vm.assertFalse(_verify(digest, new bytes(65)), "zero");
    }

    function test_verify_bindsDigestSubmitterEpochAndChain() public {
        bytes32 digest = bytes32(uint256(1));
        bytes memory proof = _attest(ATTESTOR_KEY, digest, ALICE, EPOCH);
        vm.assertTrue(verifier.verify(EPOCH, 0, ALICE, digest, proof));
        vm.assertFalse(verifier.verify(EPOCH + 1, 0, ALICE, digest, proof), "epoch");
        vm.assertFalse(verifier.verify(EPOCH, 0, MALLORY, digest, proof), "submitter");
        vm.assertFalse(verifier.verify(EPOCH, 0, ALICE, bytes32(uint256(2)), proof), "digest");
        AttestorVerifier other = new AttestorVerifier(vm.addr(ATTESTOR_KEY));
        vm.assertFalse(other.verify(EPOCH, 0, ALICE, digest, proof), "contract");
        vm.chainId(block.chainid + 1);
        vm.assertFalse(verifier.verify(EPOCH, 0, ALICE, digest, proof), "chain");
    }

    function testFuzz_verify_acceptsNobodyElse(uint256 key) public view {
        key = 1 + key % (CURVE_ORDER - 1);
        vm.assume(key != ATTESTOR_KEY);
        bytes32 digest = bytes32(uint256(1));
        vm.assertFalse(_verify(digest, _attest(key, digest, ALICE, EPOCH)));
    }

    /* BUILDERS */

    function _usage(uint256 works) private pure returns (ConsumptionSubmissions.Usage memory u) {
        u.epoch = EPOCH;
        u.part = 3;
        u.tierId = TIER;
        u.workIds = new bytes32[](works);
        u.minutesPlayed = new uint32[](works);
        u.plays = new uint32[](works);
        u.pseudonyms = new bytes32[](works);
        for (uint256 i = 0; i < works; ++i) {
            u.workIds[i] = bytes32(1000 + i);
            u.minutesPlayed[i] = uint32(10 + i);
            u.plays[i] = uint32(1 + i);
            u.pseudonyms[i] = bytes32(2000 + i);
        }
    }

    function _attest(uint256 key, bytes32 digest, address submitter, uint64 epoch)
        private
        view
        returns (bytes memory)
    {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("Quittance Attestor"),
                keccak256("1"),
                block.chainid,
                address(verifier)
            )
        );
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256("Consumption(bytes32 digest,address submitter,uint64 epoch)"),
                digest,
                submitter,
                epoch
            )
        );
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(key, keccak256(abi.encodePacked(hex"1901", domain, structHash)));
        return abi.encodePacked(r, s, v);
    }

    function _proof(address submitter, ConsumptionSubmissions.Usage memory usage)
        private
        view
        returns (bytes memory)
    {
        bytes32 digest = submissions.digestOf(submitter, usage);
        return _attest(ATTESTOR_KEY, digest, submitter, usage.epoch);
    }

    function _verify(bytes32 digest, bytes memory proof) private view returns (bool) {
        return verifier.verify(EPOCH, 0, ALICE, digest, proof);
    }

    /* EXPECTATIONS */

    function _submit(
        address submitter,
        ConsumptionSubmissions.Usage memory usage,
        bytes memory proof
    ) private {
        vm.prank(submitter);
        submissions.submit(usage, proof);
    }

    function _expectRevert(
        ConsumptionSubmissions.Usage memory usage,
        bytes memory proof,
        bytes memory refusal
    ) private {
        vm.expectRevert(refusal);
        _submit(ALICE, usage, proof);
    }

    function _expectNotOpen(ConsumptionSubmissions.Usage memory usage, uint64 current) private {
        bytes memory refusal = abi.encodeWithSelector(
            ConsumptionSubmissions.EpochNotOpen.selector, usage.epoch, current
        );
        _expectRevert(usage, _proof(ALICE, usage), refusal);
    }

    function _countOutOfRange(uint256 count) private pure returns (bytes memory) {
        return
            abi.encodeWithSelector(ConsumptionSubmissions.WorkCountOutOfRange.selector, count, 16);
    }

    function _lengthMismatch(uint256 works, uint256 minutesPlayed, uint256 plays, uint256 names)
        private
        pure
        returns (bytes memory)
    {
        return abi.encodeWithSelector(
            ConsumptionSubmissions.LengthMismatch.selector, works, minutesPlayed, plays, names
        );
    }

    function _notCanonical(bytes32 value) private pure returns (bytes memory) {
        return abi.encodeWithSelector(ConsumptionSubmissions.NotCanonical.selector, value);
    }

    function _proofRejected() private pure returns (bytes memory) {
        return abi.encodeWithSelector(ConsumptionSubmissions.ProofRejected.selector);
    }
}
