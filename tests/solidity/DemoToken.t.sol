// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

import {DemoToken} from "../../contracts/src/demo/DemoToken.sol";
import {vm} from "./Vm.sol";

contract DemoTokenTest {
    address private constant ISSUER = address(0x15);
    address private constant ALICE = address(0xA1);
    address private constant BOB = address(0xB2);

    DemoToken private token;

    function setUp() public {
        token = new DemoToken(ISSUER);
        vm.prank(ISSUER);
        token.mint(ALICE, 100);
    }

    function test_token_hasSixDecimals() public view {
        vm.assertEq(token.decimals(), 6);
        vm.assertEq(keccak256(bytes(token.symbol())), keccak256("DUSD"));
        vm.assertEq(keccak256(bytes(token.name())), keccak256("Demo Dollar"));
    }

    function test_refuse_stopsAndAllowsAgain() public {
        vm.expectEmit(address(token));
        emit DemoToken.RefusalSet(BOB, true);
        vm.prank(ISSUER);
        token.refuse(BOB, true);
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(DemoToken.RecipientRefused.selector, BOB));
        token.transfer(BOB, 1);
        vm.prank(ISSUER);
        token.refuse(BOB, false);
        vm.prank(ALICE);
        token.transfer(BOB, 1);
        vm.assertEq(token.balanceOf(BOB), 1);
    }

    function test_RevertWhen_strangerMintsOrRefuses() public {
        bytes memory unauthorized =
            abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, ALICE);
        vm.startPrank(ALICE);
        vm.expectRevert(unauthorized);
        token.mint(ALICE, 1);
        vm.expectRevert(unauthorized);
        token.refuse(BOB, true);
        vm.stopPrank();
    }
}
