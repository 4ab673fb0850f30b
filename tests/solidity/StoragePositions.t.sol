// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILeafWithdrawals} from "../../contracts/src/settlement/ILeafWithdrawals.sol";
import {LeafLib} from "../../contracts/src/settlement/LeafLib.sol";
import {SettlementFixture} from "./SettlementFixture.sol";
import {vm} from "./Vm.sol";

/// @notice Where proofs of state find what they show. Proofs outlive a release, so a position that
/// moves is a break: contracts/storage.py says the same.
contract StoragePositionsTest is SettlementFixture {
    uint256 private constant SETTLEMENTS_POSITION = 5;

    function test_settlements_standWhereProofsLook() public {
        ILeafWithdrawals.Withdrawal[] memory ws = new ILeafWithdrawals.Withdrawal[](1);
        ws[0] = withdrawalOf(10, 20, 30);
        activate(proveAll(ws), 60, 60);
        vm.assertEq(_wordOf(ws[0]), bytes32(0));
        payouts.withdraw(ws[0]);
        vm.assertEq(bytes32(bytes28(_wordOf(ws[0]))), bytes32(bytes28(leafOf(ws[0]))));
        vm.assertEq(uint256(uint32(uint256(_wordOf(ws[0])))), 7);
    }

    function _wordOf(ILeafWithdrawals.Withdrawal memory w) private view returns (bytes32) {
        bytes32 key = LeafLib.key(w.epoch, w.workId, w.part, w.asset);
        return vm.load(address(payouts), keccak256(abi.encode(key, SETTLEMENTS_POSITION)));
    }
}
