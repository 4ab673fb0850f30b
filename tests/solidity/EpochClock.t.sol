// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EpochClock} from "../../contracts/src/settlement/EpochClock.sol";
import {vm} from "./Vm.sol";

contract EpochClockTest {
    uint64 private constant GENESIS = 1_000_000;
    uint64 private constant LENGTH = 10_000;
    uint64 private constant GRACE = 1_000;

    EpochClock private clock;

    function setUp() public {
        vm.warp(GENESIS);
        clock = new EpochClock(GENESIS, LENGTH, GRACE);
    }

    function test_constructor_announcesItself() public {
        address expected = _nextDeployment();
        vm.expectEmit(expected);
        emit EpochClock.EpochClockStarted(GENESIS - 7, 1, 0);
        EpochClock deployed = new EpochClock(GENESIS - 7, 1, 0);
        vm.assertEq(address(deployed), expected);
        vm.assertEq(deployed.genesis(), GENESIS - 7);
        vm.assertEq(deployed.length(), 1);
        vm.assertEq(deployed.grace(), 0);
    }

    function test_RevertWhen_lengthIsZero() public {
        vm.expectRevert(abi.encodeWithSelector(EpochClock.LengthIsZero.selector));
        new EpochClock(GENESIS, 0, 0);
    }

    function test_RevertWhen_graceIsNotBelowLength() public {
        vm.expectRevert(abi.encodeWithSelector(EpochClock.GraceNotBelowLength.selector, 10, 10));
        new EpochClock(GENESIS, 10, 10);
    }

    function test_RevertWhen_genesisIsInFuture() public {
        vm.expectRevert(
            abi.encodeWithSelector(EpochClock.GenesisInFuture.selector, GENESIS + 1, GENESIS)
        );
        new EpochClock(GENESIS + 1, LENGTH, GRACE);
    }

    function test_RevertWhen_timestampIsBeforeGenesis() public {
        vm.expectRevert(
            abi.encodeWithSelector(EpochClock.BeforeGenesis.selector, GENESIS - 1, GENESIS)
        );
        clock.epochAt(GENESIS - 1);
    }

    function test_epochAt_changesExactlyAtTheBorder() public view {
        vm.assertEq(clock.epochAt(GENESIS), 0);
        vm.assertEq(clock.epochAt(GENESIS + LENGTH - 1), 0);
        vm.assertEq(clock.epochAt(GENESIS + LENGTH), 1);
    }

    function test_acceptsUsage_followsGraceToTheSecond() public {
        vm.warp(clock.graceEndOf(3) - 1);
        vm.assertEq(clock.currentEpoch(), 4);
        vm.assertTrue(clock.acceptsUsage(4));
        vm.assertTrue(clock.acceptsUsage(3));
        vm.assertFalse(clock.acceptsUsage(2));
        vm.assertFalse(clock.acceptsUsage(5));
        vm.warp(clock.graceEndOf(3));
        vm.assertFalse(clock.acceptsUsage(3));
        vm.assertTrue(clock.acceptsUsage(4));
    }

    function test_acceptsUsage_inEpochZero() public view {
        vm.assertTrue(clock.acceptsUsage(0));
        vm.assertFalse(clock.acceptsUsage(type(uint64).max));
    }

    function test_acceptsPayment_currentAndNextOnly() public {
        vm.warp(clock.startOf(4));
        vm.assertFalse(clock.acceptsPayment(3));
        vm.assertTrue(clock.acceptsPayment(4));
        vm.assertTrue(clock.acceptsPayment(5));
        vm.assertFalse(clock.acceptsPayment(6));
    }

    function testFuzz_everyTimeIsInsideItsEpoch(uint64 genesis, uint32 length, uint32 elapsed)
        public
    {
        genesis %= type(uint32).max;
        length = length == 0 ? 1 : length;
        vm.warp(genesis);
        EpochClock fuzzed = new EpochClock(genesis, length, length - 1);
        uint64 time = genesis + elapsed;
        vm.warp(time);
        uint64 epoch = fuzzed.currentEpoch();
        vm.assertEq(epoch, fuzzed.epochAt(time));
        vm.assertLe(fuzzed.startOf(epoch), time, "start is in the epoch");
        vm.assertGt(fuzzed.endOf(epoch), time, "end is after the epoch");
        vm.assertEq(fuzzed.endOf(epoch), fuzzed.startOf(epoch + 1));
        vm.assertEq(fuzzed.graceEndOf(epoch), uint256(fuzzed.endOf(epoch)) + length - 1);
    }

    function testFuzz_noEpochTakesUsageOnceItCanBeCommitted(uint32 elapsed, uint8 epoch) public {
        vm.warp(GENESIS + elapsed);
        bool isCommittable = block.timestamp >= clock.graceEndOf(epoch);
        vm.assertFalse(isCommittable && clock.acceptsUsage(epoch));
        vm.assertFalse(isCommittable && clock.acceptsPayment(epoch));
    }

    function _nextDeployment() private view returns (address) {
        // A test contract that has deployed once, in setUp, deploys next with nonce 2.
        return
            address(
                uint160(uint256(keccak256(abi.encodePacked(hex"d694", address(this), hex"02"))))
            );
    }
}
