// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsumptionVerifier} from "./IConsumptionVerifier.sol";
import {ScalarField} from "./ScalarField.sol";

/// @title Verifier of Groth16 proofs over BN254
/// @notice A proof (A, B, C) of the public input d is accepted if
///
///     e(-A, B) · e(alpha, beta) · e(IC0 + d·IC1, gamma) · e(C, delta) = 1
///
/// It is eight words: a.x a.y b.x.c1 b.x.c0 b.y.c1 b.y.c0 c.x c.y, imaginary limbs first (EIP-197).
/// Its bytes name nothing, because anybody can turn it into another proof of the same input, as in
/// (-A, -B, C).
/// @dev Epoch, part and submitter are not looked at: they are bound if and only if the digest
/// commits to them. `ConsumptionSubmissions` computes the digest itself, over the sender and
/// everything that it will log, so whoever copies a proof has another digest and the proof fails.
///
/// There is no entry point for a digest that the sender brings, as the Poseidon digest of the CWE
/// circuit (epoch, tier, epoch key, rows of pseudonym, work and weight) would need:
/// - The submitter is not in it. Taking a digest once and from the first sender would let anybody
///   who watches pending transactions send the proof first, and take it from its owner.
/// - Minutes and plays are not in it, and the weight that is has a price which the prover is free to
///   choose. The event would carry minutes that no proof covers, beside one that seems to.
/// The first might be met by a commitment some blocks ahead, the second only by another circuit: one
/// that takes the contract's digest as its public input needs nothing that is not here.
contract Groth16Verifier is IConsumptionVerifier {
    /* TYPES */

    /// @notice A verifying key for one public input; in G2 imaginary limbs come first (EIP-197).
    struct VerifyingKey {
        uint256[2] alpha;
        uint256[2][2] beta;
        uint256[2][2] gamma;
        uint256[2][2] delta;
        uint256[2][2] ic;
    }

    /// @notice Bytes of a proof.
    uint256 public constant PROOF_BYTES = 256;
    /// @notice Gas that the pairing may use. Four pairs cost 181,000 (EIP-1108); the precompile
    /// burns whatever it is given when a point is bad.
    uint256 public constant PAIRING_GAS = 240_000;
    /// @notice Gas that everything else after the check of the gas uses at most.
    uint256 public constant OVERHEAD_GAS = 15_000;

    /// @dev Coordinates are below this prime.
    uint256 private constant FIELD_MODULUS =
        21888242871839275222246405745257275088696311157297823662689037894645226208583;

    /* ERRORS */

    /// @notice A point of the key is infinite or not in its group.
    error InvalidVerifyingKey();
    /// @notice Too little gas is left to tell a bad proof from a starved call.
    error InsufficientGas(uint256 available, uint256 required);

    /* EVENTS */

    /// @notice The key that this verifier has for good. `keyHash` is keccak256 over its 18 words.
    event VerifyingKeySet(bytes32 indexed keyHash);

    /* STORAGE */

    /// @notice keccak256 over the key's 18 words, in the order of `VerifyingKey`.
    bytes32 public immutable keyHash;

    uint256 private immutable _alphaX;
    uint256 private immutable _alphaY;
    uint256 private immutable _betaX1;
    uint256 private immutable _betaX0;
    uint256 private immutable _betaY1;
    uint256 private immutable _betaY0;
    uint256 private immutable _gammaX1;
    uint256 private immutable _gammaX0;
    uint256 private immutable _gammaY1;
    uint256 private immutable _gammaY0;
    uint256 private immutable _deltaX1;
    uint256 private immutable _deltaX0;
    uint256 private immutable _deltaY1;
    uint256 private immutable _deltaY0;
    uint256 private immutable _ic0X;
    uint256 private immutable _ic0Y;
    uint256 private immutable _ic1X;
    uint256 private immutable _ic1Y;

    /* CONSTRUCTOR */

    constructor(VerifyingKey memory key) {
        _requireValid(key);
        (_alphaX, _alphaY) = (key.alpha[0], key.alpha[1]);
        (_betaX1, _betaX0) = (key.beta[0][0], key.beta[0][1]);
        (_betaY1, _betaY0) = (key.beta[1][0], key.beta[1][1]);
        (_gammaX1, _gammaX0) = (key.gamma[0][0], key.gamma[0][1]);
        (_gammaY1, _gammaY0) = (key.gamma[1][0], key.gamma[1][1]);
        (_deltaX1, _deltaX0) = (key.delta[0][0], key.delta[0][1]);
        (_deltaY1, _deltaY0) = (key.delta[1][0], key.delta[1][1]);
        (_ic0X, _ic0Y) = (key.ic[0][0], key.ic[0][1]);
        (_ic1X, _ic1Y) = (key.ic[1][0], key.ic[1][1]);
        keyHash = keccak256(abi.encode(key));
        emit VerifyingKeySet(keyHash);
    }

    /* EXTERNAL */

    /// @inheritdoc IConsumptionVerifier
    /// @dev A digest that is not below the scalar field's order is answered by false: it would be
    /// another name of a smaller one, which satisfies the same equation. Reverts with
    /// `InsufficientGas` and nothing else.
    function verify(uint64, uint16, address, bytes32 digest, bytes calldata proof)
        external
        view
        returns (bool)
    {
        if (!ScalarField.isCanonical(digest) || proof.length != PROOF_BYTES) return false;
        uint256[8] memory words = abi.decode(proof, (uint256[8]));
        // The precompile takes zeros for the infinite point, which no honest proof contains.
        if (_isZero(words[2] | words[3], words[4] | words[5])) return false;
        if (_isZero(words[6], words[7])) return false;
        // The precompile sees -A only, where a second name of y would be gone. An infinite A needs
        // no check: its negated y is the modulus itself, which the precompile refuses.
        if (words[1] >= FIELD_MODULUS) return false;
        _requireGas();
        (uint256 statementX, uint256 statementY) = _statement(uint256(digest));
        // forgefmt: disable-next-item
        uint256[24] memory pairs = [
            words[0], FIELD_MODULUS - words[1], words[2], words[3], words[4], words[5],
            _alphaX, _alphaY, _betaX1, _betaX0, _betaY1, _betaY0,
            statementX, statementY, _gammaX1, _gammaX0, _gammaY1, _gammaY0,
            words[6], words[7], _deltaX1, _deltaX0, _deltaY1, _deltaY0
        ];
        (, bool isOne) = _pairing(pairs);
        return isOne;
    }

    /* INTERNALS */

    /// @dev Of the gas left, one 64th stays with the caller of the precompile (EIP-150).
    function _requireGas() private view {
        uint256 required = (PAIRING_GAS + OVERHEAD_GAS) * 64 / 63;
        if (gasleft() < required) revert InsufficientGas(gasleft(), required);
    }

    /// @dev IC0 + digest · IC1. The points are those of the key, so only lack of gas can stop it.
    function _statement(uint256 digest) private view returns (uint256 x, uint256 y) {
        uint256[4] memory words = [_ic1X, _ic1Y, digest, 0];
        bool isMultiplied;
        bool isAdded;
        assembly ("memory-safe") {
            isMultiplied := staticcall(gas(), 0x07, words, 0x60, words, 0x40)
        }
        (words[2], words[3]) = (_ic0X, _ic0Y);
        assembly ("memory-safe") {
            isAdded := staticcall(gas(), 0x06, words, 0x80, words, 0x40)
        }
        if (!isMultiplied || !isAdded) revert InsufficientGas(gasleft(), PAIRING_GAS);
        return (words[0], words[1]);
    }

    /// @dev Whether all points lie in their groups, and whether the product of the four pairings is
    /// the neutral element.
    function _pairing(uint256[24] memory pairs) private view returns (bool areValid, bool isOne) {
        uint256 answer;
        assembly ("memory-safe") {
            areValid := staticcall(PAIRING_GAS, 0x08, pairs, 0x300, 0x00, 0x20)
            areValid := and(areValid, eq(returndatasize(), 0x20))
            answer := mload(0x00)
        }
        isOne = areValid && answer == 1;
    }

    /// @dev As many pairs as in a verification, so a chain where these cost too much is found here.
    function _requireValid(VerifyingKey memory key) private view {
        _requireGas();
        (uint256[2] memory alpha, uint256[2][2] memory ic) = (key.alpha, key.ic);
        (uint256[2][2] memory beta, uint256[2][2] memory gamma) = (key.beta, key.gamma);
        uint256[2][2] memory delta = key.delta;
        // forgefmt: disable-next-item
        uint256[24] memory pairs = [
            alpha[0], alpha[1], beta[0][0], beta[0][1], beta[1][0], beta[1][1],
            ic[0][0], ic[0][1], gamma[0][0], gamma[0][1], gamma[1][0], gamma[1][1],
            ic[1][0], ic[1][1], delta[0][0], delta[0][1], delta[1][0], delta[1][1],
            alpha[0], alpha[1], beta[0][0], beta[0][1], beta[1][0], beta[1][1]
        ];
        (bool areValid,) = _pairing(pairs);
        bool isAnyInfinite = _isZero(alpha[0], alpha[1]) || _isZero(ic[0][0], ic[0][1])
            || _isZero(ic[1][0], ic[1][1]) || _isInfinite(beta) || _isInfinite(gamma)
            || _isInfinite(delta);
        if (!areValid || isAnyInfinite) revert InvalidVerifyingKey();
    }

    function _isInfinite(uint256[2][2] memory point) private pure returns (bool) {
        return _isZero(point[0][0] | point[0][1], point[1][0] | point[1][1]);
    }

    function _isZero(uint256 x, uint256 y) private pure returns (bool) {
        return x | y == 0;
    }
}
