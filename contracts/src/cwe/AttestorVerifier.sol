// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {IConsumptionVerifier} from "./IConsumptionVerifier.sol";

/// @title Verifier that trusts one attestor
/// @notice The proof is the attestor's 65-byte EIP-712 signature over
/// `Consumption(bytes32 digest,address submitter,uint64 epoch)`. The part is bound through the
/// digest.
contract AttestorVerifier is IConsumptionVerifier, EIP712 {
    /* TYPES */

    /// @notice EIP-712 type hash of `Consumption`.
    bytes32 public constant CONSUMPTION_TYPEHASH =
        keccak256("Consumption(bytes32 digest,address submitter,uint64 epoch)");

    /* ERRORS */

    /// @notice Zero is what a failed recovery answers; as attestor it would accept every proof.
    error AttestorIsZero();

    /* STORAGE */

    /// @notice The account whose signature is accepted.
    address public immutable attestor;

    /* CONSTRUCTOR */

    constructor(address attestor_) EIP712("Quittance Attestor", "1") {
        if (attestor_ == address(0)) revert AttestorIsZero();
        attestor = attestor_;
    }

    /* EXTERNAL */

    /// @inheritdoc IConsumptionVerifier
    function verify(uint64 epoch, uint16, address submitter, bytes32 digest, bytes calldata proof)
        external
        view
        returns (bool)
    {
        bytes32 signed = consumptionDigest(digest, submitter, epoch);
        // A failed recovery answers zero, which the attestor is not; why it failed does not matter.
        // slither-disable-next-line unused-return
        (address recovered,,) = ECDSA.tryRecoverCalldata(signed, proof);
        return recovered == attestor;
    }

    /* VIEWS */

    /// @notice EIP-712 digest that the attestor signs.
    function consumptionDigest(bytes32 digest, address submitter, uint64 epoch)
        public
        view
        returns (bytes32)
    {
        return
            _hashTypedDataV4(keccak256(abi.encode(CONSUMPTION_TYPEHASH, digest, submitter, epoch)));
    }
}
