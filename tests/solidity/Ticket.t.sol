// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC4906} from "@openzeppelin/contracts/interfaces/IERC4906.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {Base64} from "@openzeppelin/contracts/utils/Base64.sol";

import {ITicket} from "../../contracts/src/circuit/ITicket.sol";
import {CircuitFixture} from "./CircuitFixture.sol";
import {vm} from "./Vm.sol";

/// @notice Outline: Ticket.tree.
contract TicketTest is CircuitFixture {
    uint64 private constant DEADLINE = NOW + 50;
    string private constant PREFIX = "data:application/json;base64,";

    /* MINTER */

    function test_RevertWhen_callerIsNotTheSale() public {
        uint256 ticketId = buy(1);
        vm.assertEq(ticket.minter(), address(sale));
        bytes memory reason = abi.encodeWithSelector(ITicket.NotMinter.selector, ALICE);
        vm.startPrank(ALICE);
        vm.expectRevert(reason);
        ticket.issue(ALICE, 9, ITicket.Admission(eventId, TIER, 9));
        vm.expectRevert(reason);
        ticket.takeBack(fan, ticketId);
        vm.stopPrank();
    }

    /* REDEMPTION */

    function test_redeem_byTheHolderOnce() public {
        uint256 ticketId = buy(1);
        vm.expectEmit(address(ticket));
        emit ITicket.TicketRedeemed(ticketId, eventId, fan);
        vm.expectEmit(address(ticket));
        emit IERC4906.MetadataUpdate(ticketId);
        vm.prank(fan);
        ticket.redeem(ticketId);
        vm.assertEq(ticket.redeemerOf(ticketId), fan);
        vm.expectRevert(_redeemed(ticketId, fan));
        vm.prank(fan);
        ticket.redeem(ticketId);
    }

    /// @notice Who bought a ticket and sold it on does not come in; who holds it does.
    function test_redeem_afterResaleIsTheHolders() public {
        uint256 ticketId = buy(1);
        _give(fan, BOB, ticketId);
        vm.expectRevert(_notHolder(fan, ticketId));
        vm.prank(fan);
        ticket.redeem(ticketId);
        vm.prank(BOB);
        ticket.redeem(ticketId);
        vm.assertEq(ticket.redeemerOf(ticketId), BOB);
    }

    /// @notice Redemption binds the ticket: it admits nobody else, by whatever way.
    function test_redeem_bindsTheTicket() public {
        uint256 ticketId = buy(1);
        vm.startPrank(fan);
        ticket.approve(BOB, ticketId);
        ticket.redeem(ticketId);
        vm.expectRevert(_redeemed(ticketId, fan));
        ticket.transferFrom(fan, BOB, ticketId);
        vm.expectRevert(_redeemed(ticketId, fan));
        ticket.safeTransferFrom(fan, BOB, ticketId);
        vm.stopPrank();
        vm.expectRevert(_redeemed(ticketId, fan));
        vm.prank(BOB);
        ticket.transferFrom(fan, BOB, ticketId);
    }

    function test_redeemFor_atTheGate() public {
        uint256 ticketId = buy(1);
        bytes memory signature = _consent(ticketId, fan);
        vm.expectEmit(address(ticket));
        emit ITicket.TicketRedeemed(ticketId, eventId, fan);
        vm.prank(STRANGER);
        ticket.redeemFor(ticketId, fan, DEADLINE, signature);
        vm.expectRevert(_redeemed(ticketId, fan));
        ticket.redeemFor(ticketId, fan, DEADLINE, signature);
    }

    function test_redeemFor_smartAccount() public {
        uint256 ticketId = buy(1);
        _give(fan, address(wallet), ticketId);
        ticket.redeemFor(ticketId, address(wallet), DEADLINE, _consent(ticketId, address(wallet)));
        vm.assertEq(ticket.redeemerOf(ticketId), address(wallet));
    }

    function test_RevertWhen_redemptionIsNotTheHolders() public {
        uint256 ticketId = buy(1);
        uint256 other = buy(2);
        bytes memory signature = _consent(ticketId, fan);
        vm.expectRevert(_notHolder(STRANGER, ticketId));
        ticket.redeemFor(ticketId, STRANGER, DEADLINE, signature);
        bytes memory reason = abi.encodeWithSelector(ITicket.NotSignedByHolder.selector, fan);
        vm.expectRevert(reason);
        ticket.redeemFor(other, fan, DEADLINE, signature);
        vm.expectRevert(reason);
        ticket.redeemFor(ticketId, fan, DEADLINE + 1, signature);
        bytes memory foreign = signatureOf(0xBAD, ticket.redemptionDigest(ticketId, fan, DEADLINE));
        vm.expectRevert(reason);
        ticket.redeemFor(ticketId, fan, DEADLINE, foreign);
        vm.expectRevert(reason);
        ticket.redeemFor(ticketId, fan, DEADLINE, "");
        // The signature is of who held it; once it is sold on, it opens nothing.
        _give(fan, BOB, ticketId);
        vm.expectRevert(_notHolder(fan, ticketId));
        ticket.redeemFor(ticketId, fan, DEADLINE, signature);
    }

    function test_RevertWhen_redemptionExpired() public {
        uint256 ticketId = buy(1);
        bytes memory signature = _consent(ticketId, fan);
        vm.warp(DEADLINE + 1);
        vm.expectRevert(abi.encodeWithSelector(ITicket.RedemptionExpired.selector, DEADLINE));
        ticket.redeemFor(ticketId, fan, DEADLINE, signature);
        vm.warp(DEADLINE);
        ticket.redeemFor(ticketId, fan, DEADLINE, signature);
    }

    /// @notice A ticket that nobody holds is redeemed by nobody, not even by zero.
    function test_RevertWhen_thereIsNoTicket() public {
        vm.expectRevert(_notHolder(address(0), 9));
        ticket.redeemFor(9, address(0), DEADLINE, new bytes(65));
        vm.expectRevert(_notHolder(fan, 9));
        vm.prank(fan);
        ticket.redeem(9);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 9));
        ticket.tokenURI(9);
    }

    function testFuzz_redemptionDigest_changesWithEveryField(uint256 a, uint256 b, uint64 c)
        public
        view
    {
        bytes32 digest = ticket.redemptionDigest(1, fan, 2);
        vm.assume(a != 1 && address(uint160(b)) != fan && c != 2);
        vm.assertNotEq(ticket.redemptionDigest(a, fan, 2), digest);
        vm.assertNotEq(ticket.redemptionDigest(1, address(uint160(b)), 2), digest);
        vm.assertNotEq(ticket.redemptionDigest(1, fan, c), digest);
    }

    /* METADATA */

    function test_tokenURI_saysAllThatMarketplacesShow() public {
        buy(1);
        uint256 ticketId = buy(2);
        string memory json = _json(ticketId);
        vm.assertEq(vm.parseJsonString(json, ".name"), "Night #2");
        vm.assertEq(vm.parseJsonString(json, ".description"), "A concert");
        vm.assertEq(vm.parseJsonString(json, ".image"), "ipfs://image");
        _assertTrait(json, 0, "Event", "Night");
        _assertTrait(json, 1, "Tier", "Front row");
        _assertDate(json, 2, "Starts", NOW + 1_000);
        _assertDate(json, 3, "Ends", NOW + 2_000);
        vm.assertEq(vm.parseJsonString(json, ".attributes[4].trait_type"), "Ticket number");
        vm.assertEq(vm.parseJsonUint(json, ".attributes[4].value"), 2);
        vm.assertEq(vm.parseJsonString(json, ".attributes[5].trait_type"), "Creator");
        vm.assertEq(vm.parseJsonAddress(json, ".attributes[5].value"), ALICE);
        _assertTrait(json, 6, "Redeemed", "no");
        vm.assertFalse(vm.keyExistsJson(json, ".attributes[7]"));
        vm.prank(fan);
        ticket.redeem(ticketId);
        _assertTrait(_json(ticketId), 6, "Redeemed", "yes");
    }

    /// @notice What a creator wrote stays text, whatever it looks like.
    function test_tokenURI_nameCannotAddFields() public {
        string memory nasty = unicode'"},{"trait_type":"Tier","value":"VIP"}\\ "\n\té';
        vm.startPrank(ALICE);
        sale.describeEvent(eventId, nasty, nasty);
        sale.describeTier(eventId, TIER, nasty, nasty);
        vm.stopPrank();
        string memory json = _json(buy(1));
        vm.assertEq(vm.parseJsonString(json, ".name"), string.concat(nasty, " #1"));
        vm.assertEq(vm.parseJsonString(json, ".description"), nasty);
        vm.assertEq(vm.parseJsonString(json, ".image"), nasty);
        _assertTrait(json, 0, "Event", nasty);
        _assertTrait(json, 1, "Tier", nasty);
        vm.assertFalse(vm.keyExistsJson(json, ".attributes[7]"));
    }

    function test_supportsInterface_ofTicketsAndTheirMetadata() public view {
        vm.assertTrue(ticket.supportsInterface(0x80ac58cd), "ERC-721");
        vm.assertTrue(ticket.supportsInterface(0x5b5e139f), "metadata");
        vm.assertTrue(ticket.supportsInterface(0x49064906), "metadata updates");
        vm.assertFalse(ticket.supportsInterface(0xffffffff));
    }

    /* HELPERS */

    function _give(address from, address to, uint256 ticketId) private {
        vm.prank(from);
        ticket.transferFrom(from, to, ticketId);
    }

    function _consent(uint256 ticketId, address redeemer) private view returns (bytes memory) {
        return signatureOf(FAN_KEY, ticket.redemptionDigest(ticketId, redeemer, DEADLINE));
    }

    function _redeemed(uint256 ticketId, address redeemer) private pure returns (bytes memory) {
        return abi.encodeWithSelector(ITicket.AlreadyRedeemed.selector, ticketId, redeemer);
    }

    function _notHolder(address account, uint256 ticketId) private pure returns (bytes memory) {
        return abi.encodeWithSelector(ITicket.NotHolder.selector, account, ticketId);
    }

    function _json(uint256 ticketId) private view returns (string memory) {
        bytes memory uri = bytes(ticket.tokenURI(ticketId));
        uint256 length = bytes(PREFIX).length;
        bytes memory encoded = new bytes(uri.length - length);
        for (uint256 i = 0; i < uri.length; ++i) {
            if (i < length) vm.assertTrue(uri[i] == bytes(PREFIX)[i], "prefix");
            else encoded[i - length] = uri[i];
        }
        return string(Base64.decode(string(encoded)));
    }

    function _assertTrait(
        string memory json,
        uint256 index,
        string memory trait,
        string memory value
    ) private pure {
        string memory key = string.concat(".attributes[", vm.toString(index), "]");
        vm.assertEq(vm.parseJsonString(json, string.concat(key, ".trait_type")), trait);
        vm.assertEq(vm.parseJsonString(json, string.concat(key, ".value")), value);
    }

    function _assertDate(string memory json, uint256 index, string memory trait, uint256 value)
        private
        pure
    {
        string memory key = string.concat(".attributes[", vm.toString(index), "]");
        vm.assertEq(vm.parseJsonString(json, string.concat(key, ".trait_type")), trait);
        vm.assertEq(vm.parseJsonString(json, string.concat(key, ".display_type")), "date");
        vm.assertEq(vm.parseJsonUint(json, string.concat(key, ".value")), value);
    }
}
