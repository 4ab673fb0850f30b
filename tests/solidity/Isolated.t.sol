// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Isolated} from "../../contracts/src/settlement/Isolated.sol";
import {HostileToken} from "./mocks/HostileToken.sol";
import {vm} from "./Vm.sol";

contract IsolatedSender {
    function trySend(address token, address payee, uint256 amount) external returns (bool) {
        return Isolated.trySend(token, payee, amount);
    }
}

contract IsolatedTest {
    address private constant PAYEE = address(0xA1);

    IsolatedSender private sender;
    HostileToken private token;

    function setUp() public {
        sender = new IsolatedSender();
        token = new HostileToken();
        token.mint(address(sender), 1_000_000);
    }

    function test_trySend_plain() public {
        vm.assertTrue(_send(HostileToken.Mode.Plain));
        vm.assertEq(token.balanceOf(PAYEE), 10);
    }

    function test_trySend_emptyAnswerIsTrue() public {
        vm.assertTrue(_send(HostileToken.Mode.AnswerNothing));
        vm.assertEq(token.balanceOf(PAYEE), 10);
    }

    function test_trySend_emptyAnswerWithoutCodeIsFalse() public {
        vm.assertFalse(sender.trySend(address(0xDEAD), PAYEE, 10));
    }

    function test_trySend_everyRefusalIsFalse() public {
        vm.assertFalse(_send(HostileToken.Mode.Revert), "revert");
        vm.assertFalse(_send(HostileToken.Mode.AnswerFalse), "false");
        vm.assertFalse(_send(HostileToken.Mode.AnswerTwo), "neither true nor false");
        vm.assertFalse(_send(HostileToken.Mode.AnswerShort), "less than a word");
        vm.assertFalse(_send(HostileToken.Mode.BurnGas), "gas burnt");
        vm.assertFalse(_send(HostileToken.Mode.ReturnBomb), "huge answer");
        vm.assertFalse(_send(HostileToken.Mode.RevertBomb), "huge revert");
        vm.assertEq(token.balanceOf(PAYEE), 0);
    }

    function test_trySend_burnerCostsNoMoreThanTheCap() public {
        token.setMode(PAYEE, HostileToken.Mode.BurnGas);
        uint256 gasBefore = gasleft();
        sender.trySend(address(token), PAYEE, 10);
        vm.assertLe(gasBefore - gasleft(), 150_000 + 40_000, "burner is capped");
    }

    function test_trySend_bombIsNotCopied() public {
        token.setMode(PAYEE, HostileToken.Mode.RevertBomb);
        uint256 gasBefore = gasleft();
        sender.trySend(address(token), PAYEE, 10);
        vm.assertLe(gasBefore - gasleft(), 150_000 + 40_000, "bomb is not copied");
    }

    function test_RevertWhen_gasIsBelowTheAllowance() public {
        token.setMode(PAYEE, HostileToken.Mode.Plain);
        vm.expectPartialRevert(Isolated.InsufficientGas.selector);
        sender.trySend{gas: 150_000}(address(token), PAYEE, 10);
    }

    /// @notice With whatever gas it is called, a payee that would accept is never shown as
    /// refusing.
    function test_trySend_starvationNeverLooksLikeRefusal() public {
        token.setMode(PAYEE, HostileToken.Mode.BurnThenPay);
        uint256 succeeded = 0;
        for (uint256 gasLimit = 100_000; gasLimit < 220_000; gasLimit += 250) {
            uint256 snapshot = vm.snapshotState();
            try sender.trySend{gas: gasLimit}(address(token), PAYEE, 10) returns (bool sent) {
                vm.assertTrue(sent);
                ++succeeded;
            } catch {}
            vm.revertToState(snapshot);
        }
        vm.assertGt(succeeded, 50, "some calls had enough gas");
        vm.assertGt(480 - succeeded, 50, "some calls had too little");
    }

    function _send(HostileToken.Mode mode) private returns (bool) {
        token.setMode(PAYEE, mode);
        return sender.trySend(address(token), PAYEE, 10);
    }
}
