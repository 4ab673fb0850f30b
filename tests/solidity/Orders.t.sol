// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IOrderPayments} from "../../contracts/src/circuit/IOrderPayments.sol";
import {OrderLib} from "../../contracts/src/circuit/OrderLib.sol";
import {TipSplitter} from "../../contracts/src/circuit/TipSplitter.sol";
import {CircuitFixture} from "./CircuitFixture.sol";
import {vm} from "./Vm.sol";

/// @notice Orders and fees against vectors that an independent encoder made, and as laws.
contract OrdersTest is CircuitFixture {
    string private constant VECTORS = "tests/vectors/orders.json";

    function test_orders_areReproduced() public {
        string memory json = vm.readFile(VECTORS);
        uint256 count = 0;
        for (; vm.keyExistsJson(json, _key("orders", count)); ++count) {
            string memory key = _key("orders", count);
            IOrderPayments.Order memory one = _order(json, key);
            bytes32 digest = vm.parseJsonBytes32(json, string.concat(key, ".digest"));
            vm.assertEq(_digestAt(json, key, one), digest);
            vm.assertEq(
                OrderLib.consumedKey(one.payer, one.orderId),
                vm.parseJsonBytes32(json, string.concat(key, ".consumed_key"))
            );
            vm.assertEq(
                abi.encodeCall(IOrderPayments.pay, (one)),
                vm.parseJsonBytes(json, string.concat(key, ".call"))
            );
        }
        vm.assertGt(count, 6, "orders were found");
    }

    function test_fees_areReproduced() public {
        string memory json = vm.readFile(VECTORS);
        uint256 count = 0;
        for (; vm.keyExistsJson(json, _key("fees", count)); ++count) {
            string memory key = _key("fees", count);
            uint80 minimum = uint80(_number(json, key, ".minimum"));
            uint16 bps = uint16(_number(json, key, ".bps"));
            TipSplitter one =
                new TipSplitter(dollar, terms(minimum, bps), type(uint80).max, FEE_DELAY, ADMIN);
            vm.assertEq(one.feeOf(_number(json, key, ".amount")), _number(json, key, ".fee"));
        }
        vm.assertGt(count, 14, "fees were found");
    }

    /// @notice Each field of an order is in its digest.
    function testFuzz_order_changesWithEveryField(
        IOrderPayments.Order memory one,
        uint8 field,
        uint8 bit
    ) public view {
        bytes32 before = tips.orderDigest(one);
        field %= 8;
        if (field == 0) one.orderId ^= bytes32(uint256(1) << bit);
        if (field == 1) one.payer = address(uint160(one.payer) ^ (uint160(1) << (bit % 160)));
        if (field == 2) one.creator = address(uint160(one.creator) ^ (uint160(1) << (bit % 160)));
        if (field == 3) one.subject ^= bytes32(uint256(1) << bit);
        if (field == 4) one.tierId ^= uint32(1) << (bit % 32);
        if (field == 5) one.price ^= uint256(1) << bit;
        if (field == 6) one.maxFee ^= uint256(1) << bit;
        if (field == 7) one.deadline ^= uint64(1) << (bit % 64);
        vm.assertNotEq(tips.orderDigest(one), before);
    }

    /// @dev The digest of the contract if it stood where the vector says. The code keeps its own
    /// address and chain among its immutables, and computes anew where they are others.
    function _digestAt(string memory json, string memory key, IOrderPayments.Order memory one)
        private
        returns (bytes32 digest)
    {
        address place = vm.parseJsonAddress(json, string.concat(key, ".contract"));
        uint256 chainId = block.chainid;
        vm.etch(place, address(tips).code);
        vm.chainId(_number(json, key, ".chain_id"));
        digest = TipSplitter(place).orderDigest(one);
        vm.chainId(chainId);
    }

    function _order(string memory json, string memory key)
        private
        pure
        returns (IOrderPayments.Order memory)
    {
        return IOrderPayments.Order({
            orderId: vm.parseJsonBytes32(json, string.concat(key, ".order_id")),
            payer: vm.parseJsonAddress(json, string.concat(key, ".payer")),
            creator: vm.parseJsonAddress(json, string.concat(key, ".creator")),
            subject: vm.parseJsonBytes32(json, string.concat(key, ".subject")),
            tierId: uint32(_number(json, key, ".tier_id")),
            price: _number(json, key, ".price"),
            maxFee: _number(json, key, ".max_fee"),
            deadline: uint64(_number(json, key, ".deadline"))
        });
    }

    function _number(string memory json, string memory key, string memory field)
        private
        pure
        returns (uint256)
    {
        return vm.parseJsonUint(json, string.concat(key, field));
    }

    function _key(string memory list, uint256 index) private pure returns (string memory) {
        return string.concat(".", list, "[", vm.toString(index), "]");
    }
}
