// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IPayoutBatch} from "../../contracts/src/payouts/IPayoutBatch.sol";
import {ITipRelay} from "../../contracts/src/payouts/ITipRelay.sol";
import {OperationLib} from "../../contracts/src/settlement/OperationLib.sol";
import {vm} from "./Vm.sol";

/// @notice Ids and calls of payout lines and tips against vectors of an independent ABI encoder;
/// tests/unit/contracts/test_operations.py reads the same.
contract OperationsTest {
    string private constant VECTORS = "tests/vectors/operations.json";

    function test_batches_areReproduced() public view {
        string memory json = vm.readFile(VECTORS);
        uint256 count = 0;
        for (string memory key = _key(".batches", 0); vm.keyExistsJson(json, key);) {
            _checkBatch(json, key);
            key = _key(".batches", ++count);
        }
        vm.assertGt(count, 5, "vectors were found");
    }

    function test_tips_areReproduced() public view {
        string memory json = vm.readFile(VECTORS);
        uint256 count = 0;
        for (string memory key = _key(".tips", 0); vm.keyExistsJson(json, key);) {
            uint256[] memory numbers = vm.parseJsonUintArray(json, string.concat(key, ".numbers"));
            _checkIds(json, key, keccak256("TIP"), bytes32(0), numbers);
            bytes memory call = abi.encodeCall(ITipRelay.payTips, (numbers));
            vm.assertEq(call, vm.parseJsonBytes(json, string.concat(key, ".call")));
            key = _key(".tips", ++count);
        }
        vm.assertGt(count, 2, "vectors were found");
    }

    /// @notice Kinds never share an id, whatever their lists and lines are.
    function testFuzz_kinds_areDisjoint(bytes32 listId, uint256 index) public view {
        bytes32 payout = _idOf(OperationLib.PAYOUT, listId, index);
        bytes32 tip = _idOf(OperationLib.TIP, listId, index);
        bytes32 withdrawal = _idOf(OperationLib.WITHDRAW, listId, index);
        bytes32 transfer = _idOf(OperationLib.UNALLOCATED_TRANSFER, listId, index);
        vm.assertTrue(payout != tip && payout != withdrawal && payout != transfer);
        vm.assertTrue(tip != withdrawal && tip != transfer && withdrawal != transfer);
    }

    function _checkBatch(string memory json, string memory key) private pure {
        bytes32 listId = vm.parseJsonBytes32(json, string.concat(key, ".list_id"));
        address asset = vm.parseJsonAddress(json, string.concat(key, ".asset"));
        uint256[] memory indexes = vm.parseJsonUintArray(json, string.concat(key, ".indexes"));
        uint256[] memory amounts = vm.parseJsonUintArray(json, string.concat(key, ".amounts"));
        address[] memory payees = vm.parseJsonAddressArray(json, string.concat(key, ".payees"));
        _checkIds(json, key, keccak256("PAYOUT"), listId, indexes);
        IPayoutBatch.Payment[] memory payments = new IPayoutBatch.Payment[](indexes.length);
        for (uint256 i = 0; i < payments.length; ++i) {
            payments[i] = IPayoutBatch.Payment(indexes[i], payees[i], amounts[i]);
        }
        bytes memory call = abi.encodeCall(IPayoutBatch.payBatch, (listId, asset, payments));
        vm.assertEq(call, vm.parseJsonBytes(json, string.concat(key, ".call")));
    }

    function _checkIds(
        string memory json,
        string memory key,
        bytes32 kind,
        bytes32 listId,
        uint256[] memory indexes
    ) private pure {
        uint256 chainId = vm.parseJsonUint(json, string.concat(key, ".chain_id"));
        address emitter = vm.parseJsonAddress(json, string.concat(key, ".contract"));
        bytes32[] memory opIds = vm.parseJsonBytes32Array(json, string.concat(key, ".op_ids"));
        vm.assertEq(opIds.length, indexes.length);
        for (uint256 i = 0; i < indexes.length; ++i) {
            bytes32 opId = OperationLib.operationId(chainId, emitter, kind, listId, indexes[i]);
            vm.assertEq(opId, opIds[i], key);
        }
    }

    function _idOf(bytes32 kind, bytes32 listId, uint256 index) private view returns (bytes32) {
        return OperationLib.operationId(block.chainid, address(this), kind, listId, index);
    }

    function _key(string memory list, uint256 place) private pure returns (string memory) {
        return string.concat(list, "[", vm.toString(place), "]");
    }
}
