// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ConsumptionSubmissions} from "../../contracts/src/cwe/ConsumptionSubmissions.sol";
import {Groth16Verifier} from "../../contracts/src/cwe/Groth16Verifier.sol";
import {EpochClock} from "../../contracts/src/settlement/EpochClock.sol";
import {vm} from "./Vm.sol";

/// @notice Real proofs of two small circuits, and proofs made with the toxic waste of a key of our
/// own, which can prove any digest.
contract Groth16VerifierTest {
    string private constant VECTORS = "tests/vectors/groth16.json";
    uint256 private constant ORDER =
        21888242871839275222246405745257275088548364400416034343698204186575808495617;
    uint256 private constant MODULUS =
        21888242871839275222246405745257275088696311157297823662689037894645226208583;
    uint64 private constant EPOCH = 7;
    address private constant ALICE = address(0xA1);
    address private constant MALLORY = address(0x3A);

    /// @notice Secrets of the key of our own, as multiples of the generator of G1; beta, gamma and
    /// delta are the generator of G2.
    uint256 private constant ALPHA = 5;
    uint256 private constant IC0 = 11;
    uint256 private constant IC1 = 13;

    struct Proved {
        Groth16Verifier verifier;
        bytes32 digest;
        uint256[8] words;
    }

    Proved[] private proved;
    Groth16Verifier private ours;

    function setUp() public {
        string memory json = vm.readFile(VECTORS);
        for (uint256 i = 0; vm.keyExistsJson(json, _circuit(i)); ++i) {
            Groth16Verifier verifier = new Groth16Verifier(_keyOf(json, i));
            for (uint256 j = 0; vm.keyExistsJson(json, _entry(i, j)); ++j) {
                (bytes32 digest, uint256[8] memory words) = _proofOf(json, _entry(i, j));
                proved.push(Proved(verifier, digest, words));
            }
        }
        ours = new Groth16Verifier(_ownKey());
    }

    /* REAL PROOFS */

    function test_verify_realProofs_andNoOtherDigest() public view {
        vm.assertEq(proved.length, 6, "proofs were found");
        for (uint256 i = 0; i < proved.length; ++i) {
            Proved memory one = proved[i];
            vm.assertTrue(_verify(one, one.words), "valid");
            one.digest = bytes32(uint256(one.digest) + 1);
            vm.assertFalse(_verify(one, one.words), "digest + 1");
        }
    }

    function test_verify_digestPlusOrder_isRefusedBeforeAnyPairing() public view {
        uint256 names = 0;
        for (uint256 i = 0; i < proved.length; ++i) {
            Proved memory one = proved[i];
            while (uint256(one.digest) <= type(uint256).max - ORDER) {
                one.digest = bytes32(uint256(one.digest) + ORDER);
                ++names;
                uint256 gasBefore = gasleft();
                bool accepted = _verify(one, one.words);
                vm.assertLe(gasBefore - gasleft(), 20_000, "no pairing");
                vm.assertFalse(accepted, "another name of the digest");
            }
        }
        vm.assertGt(names, 6 * 4 - 1, "each digest has four or five other names");
    }

    function test_verify_proofOfAnotherStatement_isRefused() public view {
        for (uint256 i = 0; i < proved.length; ++i) {
            Proved memory other = proved[(i + 1) % proved.length];
            vm.assertFalse(_verify(proved[i], other.words));
        }
    }

    /// @notice Whoever takes the bytes of a proof for the name of what it proves is wrong.
    function test_verify_negatedTwin_isAcceptedToo() public view {
        uint256[8] memory words = proved[0].words;
        words[1] = MODULUS - words[1];
        words[4] = MODULUS - words[4];
        words[5] = MODULUS - words[5];
        vm.assertTrue(_verify(proved[0], words));
    }

    function test_verify_gas() public view {
        Proved memory one = proved[0];
        bytes memory proof = abi.encode(one.words);
        uint256 gasBefore = gasleft();
        one.verifier.verify(EPOCH, 0, ALICE, one.digest, proof);
        vm.assertLe(gasBefore - gasleft(), 195_000, "a verification is cheap");
    }

    /* MALFORMED PROOFS */

    function test_verify_otherLengths_areRefusedWithoutRevert() public view {
        Proved memory one = proved[0];
        bytes memory proof = abi.encode(one.words);
        vm.assertFalse(_verifyBytes(one, ""), "empty");
        vm.assertFalse(_verifyBytes(one, abi.encodePacked(proof, uint8(0))), "257 bytes");
        vm.assertFalse(_verifyBytes(one, abi.encodePacked(proof, proof)), "twice");
        vm.assertFalse(_verifyBytes(one, new bytes(256)), "zero");
        assembly ("memory-safe") {
            mstore(proof, 255)
        }
        vm.assertFalse(_verifyBytes(one, proof), "255 bytes");
    }

    function test_verify_otherCoordinates_areRefused() public view {
        for (uint256 i = 0; i < 8; ++i) {
            uint256[8] memory words = proved[i % 6].words;
            words[i] += MODULUS;
            vm.assertFalse(_verify(proved[i % 6], words), "a second name of the coordinate");
            words[i] = words[i] - MODULUS + 1;
            vm.assertFalse(_verify(proved[i % 6], words), "no point");
            words[i] = 0;
            vm.assertFalse(_verify(proved[i % 6], words), "zero");
            words[i] = type(uint256).max;
            vm.assertFalse(_verify(proved[i % 6], words), "the greatest word");
        }
    }

    function test_verify_swappedLimbs_areRefused() public view {
        uint256[8] memory words = proved[0].words;
        (words[2], words[3]) = (words[3], words[2]);
        vm.assertFalse(_verify(proved[0], words), "x alone");
        (words[4], words[5]) = (words[5], words[4]);
        vm.assertFalse(_verify(proved[0], words), "x and y");
    }

    function test_verify_pointOutsideOfTheSubgroup_isRefused() public view {
        uint256[8] memory words = proved[0].words;
        uint256[2][2] memory outside = _outsideOfG2();
        (words[2], words[3]) = (outside[0][0], outside[0][1]);
        (words[4], words[5]) = (outside[1][0], outside[1][1]);
        vm.assertFalse(_verify(proved[0], words));
    }

    function testFuzz_verify_oneBitFlipped_isRefused(uint256 which, uint256 bit) public view {
        Proved memory one = proved[which % 6];
        one.words[bit % 8] ^= 1 << (bit / 8 % 256);
        vm.assertFalse(_verify(one, one.words));
    }

    function testFuzz_verify_anything_neverReverts(
        bytes32 digest,
        bytes memory proof,
        uint256[8] memory words
    ) public view {
        vm.assertFalse(ours.verify(EPOCH, 0, ALICE, digest, proof));
        vm.assertFalse(ours.verify(EPOCH, 0, ALICE, digest, abi.encode(words)));
    }

    /* GAS */

    /// @notice With whatever gas it is called, a valid proof is never shown as a bad one.
    function test_verify_starvation_neverLooksLikeABadProof() public view {
        Proved memory one = proved[0];
        bytes memory proof = abi.encode(one.words);
        uint256 accepted = 0;
        for (uint256 gasLimit = 3_000; gasLimit < 330_000; gasLimit += 500) {
            try one.verifier.verify{gas: gasLimit}(EPOCH, 0, ALICE, one.digest, proof) returns (
                bool isValid
            ) {
                vm.assertTrue(isValid);
                ++accepted;
            } catch {}
        }
        vm.assertGt(accepted, 50, "some calls had enough gas");
        vm.assertGt(654 - accepted, 50, "some calls had too little");
    }

    function test_RevertWhen_gasIsTooLittle() public {
        Proved memory one = proved[0];
        bytes memory proof = abi.encode(one.words);
        vm.expectPartialRevert(Groth16Verifier.InsufficientGas.selector);
        one.verifier.verify{gas: 250_000}(EPOCH, 0, ALICE, one.digest, proof);
    }

    /// @notice A bad point makes the precompile burn its gas, but not the caller's.
    function test_verify_badPoint_costsNoMoreThanTheCap() public view {
        uint256[8] memory words = proved[0].words;
        words[7] += 1;
        uint256 gasBefore = gasleft();
        vm.assertFalse(_verify(proved[0], words));
        vm.assertLe(gasBefore - gasleft(), 290_000, "the pairing is capped");
    }

    /* PROOFS OF ANY DIGEST */

    function testFuzz_verify_anyDigest(uint256 digest, uint256 a, uint256 other) public view {
        (digest, a) = (digest % ORDER, 1 + a % (ORDER - 1));
        uint256[8] memory words = _simulated(bytes32(digest), a);
        vm.assume(words[6] | words[7] != 0);
        vm.assertTrue(ours.verify(EPOCH, 0, ALICE, bytes32(digest), abi.encode(words)));
        vm.assume(other != digest);
        vm.assertFalse(ours.verify(EPOCH, 0, ALICE, bytes32(other), abi.encode(words)));
    }

    function test_verify_greatestAndSmallestDigest() public view {
        bytes32 greatest = bytes32(ORDER - 1);
        vm.assertTrue(ours.verify(0, 0, ALICE, 0, abi.encode(_simulated(0, 1))));
        vm.assertTrue(ours.verify(0, 0, ALICE, greatest, abi.encode(_simulated(greatest, 1))));
    }

    /// @notice Zeros stand for the infinite point, with which these equations hold.
    function test_verify_infinitePoints_areRefused() public view {
        bytes32 digest = bytes32(uint256(3));
        uint256 rest = ALPHA + IC0 + 3 * IC1;
        uint256[8] memory words = _simulated(digest, 0);
        vm.assertEq(words[0] | words[1], 0);
        vm.assertFalse(ours.verify(EPOCH, 0, ALICE, digest, abi.encode(words)), "A");
        words = _simulated(digest, rest);
        vm.assertEq(words[6] | words[7], 0);
        vm.assertFalse(ours.verify(EPOCH, 0, ALICE, digest, abi.encode(words)), "C");
        words = _simulated(digest, 0);
        (words[0], words[1]) = (1, 2);
        (words[2], words[3], words[4], words[5]) = (0, 0, 0, 0);
        vm.assertFalse(ours.verify(EPOCH, 0, ALICE, digest, abi.encode(words)), "B");
    }

    /* THE KEY */

    function test_constructor_tellsTheKeyByItsHash() public {
        string memory json = vm.readFile(VECTORS);
        for (uint256 i = 0; i < 2; ++i) {
            bytes32 keyHash = vm.parseJsonBytes32(json, string.concat(_circuit(i), ".key_hash"));
            vm.recordLogs();
            Groth16Verifier verifier = new Groth16Verifier(_keyOf(json, i));
            bytes32[] memory topics = vm.getRecordedLogs()[0].topics;
            vm.assertEq(topics[0], Groth16Verifier.VerifyingKeySet.selector);
            vm.assertEq(topics[1], keyHash);
            vm.assertEq(verifier.keyHash(), keyHash);
        }
    }

    function test_RevertWhen_aWordOfTheKeyIsWrong() public {
        string memory json = vm.readFile(VECTORS);
        bytes memory valid = abi.encode(_keyOf(json, 0));
        for (uint256 i = 0; i < 18; ++i) {
            _expectInvalidKey(_withWord(valid, i, _word(valid, i) + 1));
            _expectInvalidKey(_withWord(valid, i, _word(valid, i) + MODULUS));
        }
    }

    function test_RevertWhen_aPointOfTheKeyIsInfinite() public {
        for (uint256 i = 0; i < 6; ++i) {
            Groth16Verifier.VerifyingKey memory key = _ownKey();
            if (i == 0) delete key.alpha;
            if (i == 1) delete key.beta;
            if (i == 2) delete key.gamma;
            if (i == 3) delete key.delta;
            if (i == 4) delete key.ic[0];
            if (i == 5) delete key.ic[1];
            _expectInvalidKey(key);
        }
    }

    function test_RevertWhen_aPointOfTheKeyIsOutsideOfTheSubgroup() public {
        for (uint256 i = 0; i < 3; ++i) {
            Groth16Verifier.VerifyingKey memory key = _ownKey();
            if (i == 0) key.beta = _outsideOfG2();
            if (i == 1) key.gamma = _outsideOfG2();
            if (i == 2) key.delta = _outsideOfG2();
            _expectInvalidKey(key);
        }
    }

    function test_RevertWhen_limbsOfTheKeyAreSwapped() public {
        Groth16Verifier.VerifyingKey memory key = _ownKey();
        (key.beta[0][0], key.beta[0][1]) = (key.beta[0][1], key.beta[0][0]);
        (key.beta[1][0], key.beta[1][1]) = (key.beta[1][1], key.beta[1][0]);
        _expectInvalidKey(key);
    }

    function test_RevertWhen_deploymentIsStarved() public {
        Groth16Verifier.VerifyingKey memory key = _ownKey();
        vm.expectPartialRevert(Groth16Verifier.InsufficientGas.selector);
        this.deploy{gas: 250_000}(key);
    }

    function deploy(Groth16Verifier.VerifyingKey memory key) external {
        new Groth16Verifier(key);
    }

    /* SUBMISSIONS */

    function test_submit_withAProofOfTheContractsDigest() public {
        ConsumptionSubmissions submissions = _submissions();
        ConsumptionSubmissions.Usage memory usage = _usage();
        bytes memory proof = abi.encode(_simulated(submissions.digestOf(ALICE, usage), 1));
        vm.prank(ALICE);
        submissions.submit(usage, proof);
        vm.assertTrue(submissions.isSubmitted(EPOCH, ALICE, usage.part));
    }

    /// @notice The verifier looks at no submitter; the digest does.
    function test_RevertWhen_anotherSubmitterCopiesTheProof() public {
        ConsumptionSubmissions submissions = _submissions();
        ConsumptionSubmissions.Usage memory usage = _usage();
        bytes32 digest = submissions.digestOf(ALICE, usage);
        bytes memory proof = abi.encode(_simulated(digest, 1));
        vm.prank(MALLORY);
        vm.expectRevert(_proofRejected());
        submissions.submit(usage, proof);
        vm.assertTrue(ours.verify(EPOCH, usage.part, MALLORY, digest, proof), "alone it would do");
    }

    function test_RevertWhen_usageIsNotWhatWasProved() public {
        ConsumptionSubmissions submissions = _submissions();
        ConsumptionSubmissions.Usage memory usage = _usage();
        bytes memory proof = abi.encode(_simulated(submissions.digestOf(ALICE, usage), 1));
        usage.minutesPlayed[0] += 1;
        vm.prank(ALICE);
        vm.expectRevert(_proofRejected());
        submissions.submit(usage, proof);
    }

    function test_RevertWhen_aTwinOfTheProofIsSubmittedAgain() public {
        ConsumptionSubmissions submissions = _submissions();
        ConsumptionSubmissions.Usage memory usage = _usage();
        bytes32 digest = submissions.digestOf(ALICE, usage);
        bytes memory proof = abi.encode(_simulated(digest, 1));
        bytes memory twin = abi.encode(_simulated(digest, 2));
        vm.prank(ALICE);
        submissions.submit(usage, proof);
        vm.prank(ALICE);
        vm.expectRevert(
            abi.encodeWithSelector(
                ConsumptionSubmissions.AlreadySubmitted.selector, EPOCH, ALICE, usage.part
            )
        );
        submissions.submit(usage, twin);
    }

    /* BUILDERS */

    function _submissions() private returns (ConsumptionSubmissions) {
        vm.warp(1_000_000);
        EpochClock clock = new EpochClock(1_000_000, 100, 10);
        vm.warp(clock.startOf(EPOCH));
        return new ConsumptionSubmissions(clock, ours);
    }

    function _usage() private pure returns (ConsumptionSubmissions.Usage memory usage) {
        usage.epoch = EPOCH;
        usage.part = 3;
        usage.tierId = keccak256("tier");
        usage.workIds = new bytes32[](1);
        usage.minutesPlayed = new uint32[](1);
        usage.plays = new uint32[](1);
        usage.pseudonyms = new bytes32[](1);
    }

    /// @dev What a holder of the toxic waste can do: A = a·G1, B = G2, and C such that
    /// -a + alpha + IC0 + digest·IC1 + c = 0.
    function _simulated(bytes32 digest, uint256 a) private view returns (uint256[8] memory words) {
        uint256 rest = addmod(ALPHA + IC0, mulmod(uint256(digest), IC1, ORDER), ORDER);
        uint256[2] memory pointA = _g1(a);
        uint256[2] memory pointC = _g1(addmod(a, ORDER - rest, ORDER));
        uint256[2][2] memory b = _generatorOfG2();
        return [pointA[0], pointA[1], b[0][0], b[0][1], b[1][0], b[1][1], pointC[0], pointC[1]];
    }

    function _ownKey() private view returns (Groth16Verifier.VerifyingKey memory key) {
        key.alpha = _g1(ALPHA);
        (key.beta, key.gamma) = (_generatorOfG2(), _generatorOfG2());
        key.delta = _generatorOfG2();
        key.ic = [_g1(IC0), _g1(IC1)];
    }

    /// @dev A multiple of the generator of G1, by the precompile.
    function _g1(uint256 factor) private view returns (uint256[2] memory) {
        (bool succeeded, bytes memory answer) =
            address(7).staticcall(abi.encode(uint256(1), uint256(2), factor));
        vm.assertTrue(succeeded);
        return abi.decode(answer, (uint256[2]));
    }

    function _generatorOfG2() private pure returns (uint256[2][2] memory) {
        return [
            [
                11559732032986387107991004021392285783925812861821192530917403151452391805634,
                10857046999023057135944570762232829481370756359578518086990519993285655852781
            ],
            [
                4082367875863433681332203403145435568316851327593401208105741076214120093531,
                8495653923123431417604973247489272438418190587263600148770280649306958101930
            ]
        ];
    }

    /// @dev On the curve of G2, in no subgroup of the right order.
    function _outsideOfG2() private pure returns (uint256[2][2] memory) {
        return [
            [uint256(1), 2],
            [
                19659275751359636165940301690575149581329631496732780143538578556285923319774,
                7292567877523311580221095596750716176434782432868683424513645834767876293070
            ]
        ];
    }

    function _circuit(uint256 i) private pure returns (string memory) {
        return string.concat(".circuits[", vm.toString(i), "]");
    }

    function _entry(uint256 i, uint256 j) private pure returns (string memory) {
        return string.concat(_circuit(i), ".proofs[", vm.toString(j), "]");
    }

    function _keyOf(string memory json, uint256 i)
        private
        pure
        returns (Groth16Verifier.VerifyingKey memory)
    {
        bytes32[] memory words =
            vm.parseJsonBytes32Array(json, string.concat(_circuit(i), ".key_words"));
        return abi.decode(abi.encodePacked(words), (Groth16Verifier.VerifyingKey));
    }

    function _proofOf(string memory json, string memory entry)
        private
        pure
        returns (bytes32 digest, uint256[8] memory words)
    {
        digest = vm.parseJsonBytes32(json, string.concat(entry, ".digest"));
        words = abi.decode(
            abi.encodePacked(
                vm.parseJsonBytes32Array(json, string.concat(entry, ".a")),
                vm.parseJsonBytes32Array(json, string.concat(entry, ".b[0]")),
                vm.parseJsonBytes32Array(json, string.concat(entry, ".b[1]")),
                vm.parseJsonBytes32Array(json, string.concat(entry, ".c"))
            ),
            (uint256[8])
        );
    }

    function _word(bytes memory words, uint256 i) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(add(words, 32), mul(i, 32)))
        }
    }

    /// @dev A copy with one word replaced.
    function _withWord(bytes memory words, uint256 i, uint256 value)
        private
        pure
        returns (Groth16Verifier.VerifyingKey memory)
    {
        bytes memory copy = bytes.concat(words);
        assembly ("memory-safe") {
            mstore(add(add(copy, 32), mul(i, 32)), value)
        }
        return abi.decode(copy, (Groth16Verifier.VerifyingKey));
    }

    /* EXPECTATIONS */

    function _verify(Proved memory one, uint256[8] memory words) private view returns (bool) {
        return _verifyBytes(one, abi.encode(words));
    }

    function _verifyBytes(Proved memory one, bytes memory proof) private view returns (bool) {
        return one.verifier.verify(EPOCH, 0, ALICE, one.digest, proof);
    }

    function _expectInvalidKey(Groth16Verifier.VerifyingKey memory key) private {
        vm.expectRevert(abi.encodeWithSelector(Groth16Verifier.InvalidVerifyingKey.selector));
        new Groth16Verifier(key);
    }

    function _proofRejected() private pure returns (bytes memory) {
        return abi.encodeWithSelector(ConsumptionSubmissions.ProofRejected.selector);
    }
}
