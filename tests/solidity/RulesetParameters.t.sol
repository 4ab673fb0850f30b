// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

import {EpochClock} from "../../contracts/src/settlement/EpochClock.sol";
import {RulesetParameters} from "../../contracts/src/settlement/RulesetParameters.sol";
import {vm} from "./Vm.sol";

contract RulesetParametersTest {
    address private constant ADMIN = address(0xAD);
    address private constant GOVERNANCE = address(0x60);
    bytes private constant FIRST = '{"fee_ppm":"0"}';
    bytes private constant SECOND = '{"fee_ppm":"1"}';

    EpochClock private clock;
    RulesetParameters private parameters;
    bytes32 private role;

    function setUp() public {
        vm.warp(1_000_000);
        clock = new EpochClock(1_000_000, 100, 10);
        vm.warp(clock.startOf(7));
        parameters = new RulesetParameters(clock, ADMIN);
        role = parameters.GOVERNANCE_ROLE();
        vm.prank(ADMIN);
        parameters.grantRole(role, GOVERNANCE);
    }

    function test_set_firstIsInForceAtOnce() public {
        _expectSet(7, FIRST);
        vm.assertEq(parameters.latestDigest(), keccak256(FIRST));
        vm.assertEq(parameters.latestEffectiveEpoch(), 7);
    }

    function test_set_laterWaitsForTheNextEpoch() public {
        _expectSet(7, FIRST);
        _expectSet(8, SECOND);
        _expectSet(8, FIRST);
        vm.warp(clock.startOf(8));
        _expectSet(9, SECOND);
        vm.assertEq(parameters.latestDigest(), keccak256(SECOND));
        vm.assertEq(parameters.latestEffectiveEpoch(), 9);
    }

    function test_set_mayNameALaterEpochAndComeBackToAnEarlierOne() public {
        _expectSet(7, FIRST);
        _expectSet(20, SECOND);
        _expectSet(8, FIRST);
        vm.assertEq(parameters.latestDigest(), keccak256(FIRST));
        vm.assertEq(parameters.latestEffectiveEpoch(), 8);
    }

    function testFuzz_set_firstIsForTheCurrentEpochAlone(uint64 epoch) public {
        if (epoch == 7) return _expectSet(7, FIRST);
        vm.prank(GOVERNANCE);
        vm.expectRevert(_notSettable(epoch, 7));
        parameters.set(FIRST, epoch);
        vm.assertEq(parameters.latestDigest(), bytes32(0));
    }

    function testFuzz_set_laterIsForAComingEpoch(uint64 epoch) public {
        _expectSet(7, FIRST);
        if (epoch > 7) return _expectSet(epoch, SECOND);
        vm.prank(GOVERNANCE);
        vm.expectRevert(_notSettable(epoch, 7));
        parameters.set(SECOND, epoch);
        vm.assertEq(parameters.latestDigest(), keccak256(FIRST));
    }

    function test_RevertWhen_laterIsForTheCurrentEpoch() public {
        _expectSet(7, FIRST);
        vm.prank(GOVERNANCE);
        vm.expectRevert(_notSettable(7, 7));
        parameters.set(SECOND, 7);
    }

    function test_set_acceptsTheLongest() public {
        _expectSet(7, new bytes(4096));
    }

    function test_RevertWhen_parametersAreEmpty() public {
        vm.prank(GOVERNANCE);
        vm.expectRevert(_outOfRange(0));
        parameters.set("", 7);
    }

    function test_RevertWhen_parametersAreTooLong() public {
        vm.prank(GOVERNANCE);
        vm.expectRevert(_outOfRange(4097));
        parameters.set(new bytes(4097), 7);
    }

    function test_RevertWhen_callerIsNotGovernance() public {
        vm.prank(ADMIN);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessControl.AccessControlUnauthorizedAccount.selector, ADMIN, role
            )
        );
        parameters.set(FIRST, 7);
    }

    function _expectSet(uint64 effectiveEpoch, bytes memory value) private {
        vm.expectEmit(address(parameters));
        emit RulesetParameters.ParametersSet(effectiveEpoch, keccak256(value), value);
        vm.prank(GOVERNANCE);
        parameters.set(value, effectiveEpoch);
    }

    function _notSettable(uint64 epoch, uint64 current) private pure returns (bytes memory) {
        return abi.encodeWithSelector(RulesetParameters.EpochNotSettable.selector, epoch, current);
    }

    function _outOfRange(uint256 length) private pure returns (bytes memory) {
        return
            abi.encodeWithSelector(
                RulesetParameters.ParametersLengthOutOfRange.selector, length, 4096
            );
    }
}
