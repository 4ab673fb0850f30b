// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IOrderPayments} from "../../contracts/src/circuit/IOrderPayments.sol";
import {DemoWallet} from "../../contracts/src/demo/DemoWallet.sol";
import {IPayoutBatch} from "../../contracts/src/payouts/IPayoutBatch.sol";
import {ILeafWithdrawals} from "../../contracts/src/settlement/ILeafWithdrawals.sol";
import {CircuitFixture} from "./CircuitFixture.sol";
import {LinesFixture} from "./LinesFixture.sol";
import {PlainToken} from "./PayoutBatchGas.t.sol";
import {SettlementFixture} from "./SettlementFixture.sol";
import {vm} from "./Vm.sol";

/// @notice What a payment costs as a whole transaction, kept in `snapshots/Circuit.json`. Creator
/// and treasury hold the token already, as they soon do. Each call of a test is a transaction of
/// its own here.
/// forge-config: default.isolate = true
/// forge-config: ci.isolate = true
contract CircuitGasTest is CircuitFixture {
    string private constant GROUP = "Circuit";

    function setUp() public override {
        super.setUp();
        dollar.mint(ALICE, MONEY);
        dollar.mint(TREASURY, MONEY);
        vm.prank(ALICE);
        dollar.approve(address(views), type(uint256).max);
        vm.prank(ALICE);
        dollar.approve(address(sale), type(uint256).max);
    }

    function test_gas_view() public {
        pay(views, view_(10e6));
        vm.snapshotGasLastCall(GROUP, "view, paid directly");
        vm.prank(ALICE);
        views.refund(paymentOf(view_(10e6), 0, 1e6));
        vm.snapshotGasLastCall(GROUP, "view, refunded");
    }

    function test_gas_viewWithPermit() public {
        _disallow();
        IOrderPayments.Permit memory permit = permitOf(views, 11e6);
        vm.prank(fan);
        views.payWithPermit(view_(10e6), permit);
        vm.snapshotGasLastCall(GROUP, "view, with a permit");
    }

    function test_gas_viewRelayed() public {
        _disallow();
        bytes memory signature = signed(views, view_(10e6));
        IOrderPayments.Permit memory permit = permitOf(views, 11e6);
        vm.prank(RELAYER);
        views.payFor(view_(10e6), signature, permit);
        vm.snapshotGasLastCall(GROUP, "view, relayed with a permit");
    }

    function test_gas_viewOfASmartAccount() public {
        IOrderPayments.Order memory one = order(address(wallet), CONTENT, 0, 10e6);
        bytes memory signature = signed(views, one);
        vm.prank(RELAYER);
        views.payFor(one, signature, noPermit());
        vm.snapshotGasLastCall(GROUP, "view, relayed for a smart account");
    }

    function test_gas_twoOfASmartAccount() public {
        DemoWallet.Call[] memory calls = new DemoWallet.Call[](2);
        IOrderPayments.Order memory one = order(address(wallet), CONTENT, 0, 10e6);
        calls[0] = DemoWallet.Call(address(views), abi.encodeCall(views.pay, (one)));
        one.subject = 0;
        calls[1] = DemoWallet.Call(address(tips), abi.encodeCall(tips.pay, (one)));
        vm.prank(fan);
        wallet.execute(calls);
        vm.snapshotGasLastCall(GROUP, "view and tip in one transaction of a smart account");
    }

    function test_gas_tip() public {
        pay(tips, tip(20e6));
        vm.snapshotGasLastCall(GROUP, "tip, paid directly");
    }

    function test_gas_tickets() public {
        pay(sale, seat(fan, 1));
        vm.snapshotGasLastCall(GROUP, "ticket, first of an event");
        pay(sale, seat(fan, 2));
        vm.snapshotGasLastCall(GROUP, "ticket, later");
        vm.prank(fan);
        ticket.transferFrom(fan, BOB, 1);
        vm.snapshotGasLastCall(GROUP, "ticket, sold on");
        vm.prank(BOB);
        ticket.redeem(1);
        vm.snapshotGasLastCall(GROUP, "ticket, redeemed");
        vm.prank(ALICE);
        sale.refund(paymentOf(seat(fan, 2), 2, 3e6));
        vm.snapshotGasLastCall(GROUP, "ticket, refunded");
    }

    function _disallow() private {
        vm.prank(fan);
        dollar.approve(address(views), 0);
    }
}

/// @notice What lines and tips cost, kept in `snapshots/Lines.json`: 200 in one transaction, per
/// line. Limits of these are in PayoutBatchGas.t.sol.
/// forge-config: default.isolate = true
/// forge-config: ci.isolate = true
contract LinesGasTest is LinesFixture {
    string private constant GROUP = "Lines";
    uint256 private constant LINES = 200;

    function test_gas_batch() public {
        address plain = address(new PlainToken(address(batch)));
        pay(plain, _payments(0));
        _snapshot("batch of 200, a line to a fresh account");
        pay(plain, _payments(LINES));
        _snapshot("batch of 200, a line to a holder");
    }

    function test_gas_nativeBatch() public {
        vm.deal(address(batch), 1e24);
        pay(NATIVE, _payments(0));
        _snapshot("batch of 200, a native line to a fresh account");
        pay(NATIVE, _payments(LINES));
        _snapshot("batch of 200, a native line to a used account");
    }

    function test_gas_tips() public {
        uint256[] memory list = new uint256[](LINES);
        for (uint256 i = 0; i < LINES; ++i) {
            list[i] = tip(_payee(i), i, 1 ether);
            vm.deal(_payee(i), 1);
        }
        vm.snapshotGasLastCall(GROUP, "tip to the relay, later");
        payTips(list);
        _snapshot("200 tips paid, a tip to a used account");
        relay.withdrawFees();
        vm.snapshotGasLastCall(GROUP, "fees of the relay withdrawn");
    }

    function _snapshot(string memory name) private {
        vm.snapshotValue(GROUP, name, vm.lastCallGas().gasTotalUsed / LINES);
    }

    function _payee(uint256 i) private pure returns (address) {
        return address(uint160(uint256(keccak256(abi.encode("payee", i)))));
    }

    function _payments(uint256 first)
        private
        pure
        returns (IPayoutBatch.Payment[] memory payments)
    {
        payments = new IPayoutBatch.Payment[](LINES);
        for (uint256 i = 0; i < LINES; ++i) {
            payments[i] = IPayoutBatch.Payment(first + i, _payee(i), 12_345_678 + i);
        }
    }
}

/// @notice What withdrawals cost, kept in `snapshots/Withdrawals.json`: works of three payees, 64 in
/// an epoch.
/// forge-config: default.isolate = true
/// forge-config: ci.isolate = true
contract WithdrawalsGasTest is SettlementFixture {
    string private constant GROUP = "Withdrawals";
    uint256 private constant WORKS = 64;
    uint256 private constant BATCH = 50;

    function test_gas_withdrawals() public {
        ILeafWithdrawals.Withdrawal[] memory all = _works();
        activate(proveAll(all), 6 * WORKS, 6 * WORKS);
        // The fixture's token misbehaves on demand, which costs gas: a plain one takes its place.
        vm.etch(address(token), address(new PlainToken(address(this))).code);
        ILeafWithdrawals.Withdrawal[] memory batch = new ILeafWithdrawals.Withdrawal[](BATCH);
        for (uint256 i = 0; i < BATCH; ++i) {
            batch[i] = all[i];
        }
        payouts.withdrawBatch(batch);
        uint256 each = vm.lastCallGas().gasTotalUsed / BATCH;
        vm.snapshotValue(GROUP, "batch of 50, a work of 3 fresh payees", each);
        payouts.withdraw(all[BATCH]);
        vm.snapshotGasLastCall(GROUP, "one work of 3 fresh payees");
        payouts.withdrawBatch(batch);
        each = vm.lastCallGas().gasTotalUsed / BATCH;
        vm.snapshotValue(GROUP, "batch of 50, replayed, a work", each);
    }

    function _works() private view returns (ILeafWithdrawals.Withdrawal[] memory all) {
        all = new ILeafWithdrawals.Withdrawal[](WORKS);
        for (uint256 i = 0; i < WORKS; ++i) {
            all[i] = withdrawalOf(1, 2, 3);
            all[i].workId = bytes32(0x1000 + i);
            uint160 first = uint160(0x10000 + 3 * i);
            all[i].payees = addresses(address(first), address(first + 1), address(first + 2));
        }
    }
}
