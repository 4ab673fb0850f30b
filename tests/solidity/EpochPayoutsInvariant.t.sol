// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EpochPayouts} from "../../contracts/src/settlement/EpochPayouts.sol";
import {IEpochCommits} from "../../contracts/src/settlement/IEpochCommits.sol";
import {IEscrowReleases} from "../../contracts/src/settlement/IEscrowReleases.sol";
import {ILeafWithdrawals} from "../../contracts/src/settlement/ILeafWithdrawals.sol";
import {IUnallocatedTransfers} from "../../contracts/src/settlement/IUnallocatedTransfers.sol";
import {PayoutsHandler} from "./PayoutsHandler.sol";
import {vm} from "./Vm.sol";

/// @notice What no sequence of actions breaks, per asset.
contract EpochPayoutsInvariantTest {
    PayoutsHandler private handler;
    EpochPayouts private payouts;

    /// @dev Every run starts with an active epoch in both assets, of whose payees some refuse.
    function setUp() public {
        handler = new PayoutsHandler();
        payouts = handler.payouts();
        handler.fund(0, 1_000_000);
        handler.fund(1, 1_000_000);
        handler.setRefusal(2, 3);
        handler.setRefusal(5, 5);
        handler.commit(1 + (3 << 96));
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @notice The actions get everywhere: laws that hold because nothing happens are worth
    /// nothing.
    function test_handler_reachesEveryOutcome() public {
        for (uint256 i = 0; i < 2000; ++i) {
            _act(uint256(keccak256(abi.encode(i))));
        }
        _assertSeen(ILeafWithdrawals.LeafWithdrawn.selector);
        _assertSeen(ILeafWithdrawals.PayeePaid.selector);
        _assertSeen(ILeafWithdrawals.PayeeUnclaimed.selector);
        _assertSeen(ILeafWithdrawals.UnclaimedWithdrawn.selector);
        _assertSeen(ILeafWithdrawals.PayeeHeld.selector);
        _assertSeen(IEscrowReleases.EscrowReleased.selector);
        _assertSeen(IEscrowReleases.EscrowExpired.selector);
        _assertSeen(IUnallocatedTransfers.UnallocatedTransferred.selector);
        _assertSeen(IEpochCommits.EpochVetoed.selector);
        _assertSeen(ILeafWithdrawals.Refusal.EpochNotActive);
        _assertSeen(ILeafWithdrawals.Refusal.WorkUnderVerdict);
        _assertSeen(ILeafWithdrawals.Refusal.AlreadyWithdrawn);
        _assertSeen(ILeafWithdrawals.Refusal.MalformedSplit);
        _assertSeen(ILeafWithdrawals.Refusal.ExceedsRemaining);
        _assertSeen(ILeafWithdrawals.Refusal.AllLinesHeld);
    }

    function invariant_balanceCoversWhatIsAccounted() public view {
        for (uint256 i = 0; i < 2; ++i) {
            vm.assertGe(
                handler.tokens(i).balanceOf(address(payouts)),
                payouts.accounted(address(handler.tokens(i))),
                "solvent"
            );
        }
    }

    function invariant_accountedIsTheSumOfItsParts() public view {
        for (uint256 i = 0; i < 2; ++i) {
            address asset = address(handler.tokens(i));
            vm.assertEq(payouts.accounted(asset), handler.sumOfParts(asset), "parts");
            vm.assertTrue(handler.areTransfersCovered(asset), "announced transfers");
        }
    }

    function invariant_accountedIsPaidInMinusWhatLeft() public view {
        for (uint256 i = 0; i < 2; ++i) {
            address asset = address(handler.tokens(i));
            uint256 left = handler.ghostLeft(asset);
            vm.assertLe(left, handler.ghostPaidIn(asset), "no more leaves than came in");
            vm.assertEq(payouts.accounted(asset), handler.ghostPaidIn(asset) - left, "books");
            vm.assertEq(handler.ghostReported(asset), left, "events tell what left");
        }
    }

    function invariant_nothingIsSettledTwiceOrWhileHeld() public view {
        vm.assertLe(handler.ghostLineSettledMax(), 1, "a line is settled once");
        vm.assertLe(handler.ghostEscrowSettledMax(), 1, "escrow is released or expires once");
        vm.assertEq(handler.ghostHeldReceived(), 0, "a held account receives nothing");
    }

    function _act(uint256 seed) private {
        uint256 action = seed % 19;
        seed >>= 8;
        if (action == 0) handler.fund(seed, uint96(seed));
        if (action == 1) handler.donate(seed, uint96(seed));
        if (action == 2) handler.wait(uint16(seed));
        if (action == 3) handler.setRefusal(seed, uint8(seed >> 8));
        if (action == 4) handler.setVerdict(seed);
        if (action == 5) handler.commit(seed);
        if (action == 6) handler.veto(seed);
        if (action == 7) handler.withdraw(seed);
        if (action == 8) handler.withdrawBatch(seed);
        if (action == 9) handler.pushUnclaimed(seed);
        if (action == 10) handler.withdrawUnclaimed(seed);
        if (action == 11) handler.setHold(seed);
        if (action == 12) handler.setBeneficiary(seed);
        if (action == 13) handler.replaceGuardians();
        if (action == 14) handler.releaseEscrow(seed);
        if (action == 15) handler.expireEscrow(seed);
        if (action == 16) handler.announceTransfer(seed);
        if (action == 17) handler.applyTransfer(seed);
        if (action == 18) handler.cancelTransfer(seed);
    }

    function _assertSeen(bytes32 kind) private view {
        vm.assertGt(handler.seenEvents(kind), 0, "event is reached");
    }

    function _assertSeen(ILeafWithdrawals.Refusal refusal) private view {
        vm.assertGt(handler.seenRefusals(uint8(refusal)), 0, "refusal is reached");
    }
}
