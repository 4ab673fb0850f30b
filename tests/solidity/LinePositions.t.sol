// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LinePayments} from "../../contracts/src/payouts/LinePayments.sol";
import {OperationLib} from "../../contracts/src/settlement/OperationLib.sol";
import {LinesFixture} from "./LinesFixture.sol";
import {vm} from "./Vm.sol";

/// @notice Where proofs of state find settled lines, of the batch and of the relay alike. Proofs
/// outlive a release, so a position that moves is a break: contracts/storage.py says the same.
contract LinePositionsTest is LinesFixture {
    uint256 private constant SETTLED_LINES_POSITION = 3;

    function test_settledLines_ofTheBatch_standWhereProofsLook() public {
        vm.assertEq(_wordOf(batch, LIST, 1), 0);
        pay(address(token), one(300, ALICE, 5));
        vm.assertEq(_wordOf(batch, LIST, 1), 1 << (300 & 0xff));
        vm.assertEq(_wordOf(batch, LIST, 0), 0);
    }

    function test_settledLines_ofTheRelay_standWhereProofsLook() public {
        tip(ALICE, 1, 1 ether);
        uint256 number = tip(BOB, 2, 1 ether);
        vm.assertEq(_wordOf(relay, OperationLib.TIP_LIST, 0), 0);
        payTips(numbers(number));
        vm.assertEq(_wordOf(relay, OperationLib.TIP_LIST, 0), 2);
    }

    function _wordOf(LinePayments target, bytes32 listId, uint256 word)
        private
        view
        returns (uint256)
    {
        bytes32 list = keccak256(abi.encode(listId, SETTLED_LINES_POSITION));
        return uint256(vm.load(address(target), keccak256(abi.encode(word, list))));
    }
}
