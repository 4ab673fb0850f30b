// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEscrowBeneficiaries} from "../../../contracts/src/settlement/IEscrowBeneficiaries.sol";

/// @notice Says what it was told to say.
contract Beneficiaries is IEscrowBeneficiaries {
    mapping(bytes32 escrowId => address) public beneficiaryOf;
    mapping(bytes32 escrowId => bool) public isClaimOpen;

    function setBeneficiary(bytes32 escrowId, address account) external {
        beneficiaryOf[escrowId] = account;
    }

    function setClaimOpen(bytes32 escrowId, bool isOpen) external {
        isClaimOpen[escrowId] = isOpen;
    }
}
