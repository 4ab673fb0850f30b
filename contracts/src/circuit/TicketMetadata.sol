// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Base64} from "@openzeppelin/contracts/utils/Base64.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

import {IEventPages} from "./IEventPages.sol";

/// @title The metadata of a ticket, as marketplaces read it
/// @notice A `data:` URI of JSON: nothing depends on a server. What creators wrote is escaped, so
/// that no name adds or replaces a field.
library TicketMetadata {
    using Strings for string;
    using Strings for uint256;
    using Strings for address;

    /// @notice The URI of ticket `number` of an event.
    function uriOf(IEventPages.Page memory page, uint32 number, bool isRedeemed)
        internal
        pure
        returns (string memory)
    {
        bytes memory json = abi.encodePacked(
            '{"name":"',
            page.eventName.escapeJSON(),
            " #",
            uint256(number).toString(),
            '","description":"',
            page.description.escapeJSON(),
            '","image":"',
            page.image.escapeJSON(),
            '","attributes":[',
            _attributes(page, number, isRedeemed),
            "]}"
        );
        return string.concat("data:application/json;base64,", Base64.encode(json));
    }

    function _attributes(IEventPages.Page memory page, uint32 number, bool isRedeemed)
        private
        pure
        returns (bytes memory)
    {
        return abi.encodePacked(
            _text("Event", page.eventName.escapeJSON()),
            ",",
            _text("Tier", page.tierName.escapeJSON()),
            ",",
            _number("date", "Starts", page.startsAt),
            ",",
            _number("date", "Ends", page.endsAt),
            ",",
            _number("number", "Ticket number", number),
            ",",
            _text("Creator", page.creator.toChecksumHexString()),
            ",",
            _text("Redeemed", isRedeemed ? "yes" : "no")
        );
    }

    function _text(string memory trait, string memory value) private pure returns (bytes memory) {
        return abi.encodePacked('{"trait_type":"', trait, '","value":"', value, '"}');
    }

    function _number(string memory display, string memory trait, uint256 value)
        private
        pure
        returns (bytes memory)
    {
        return abi.encodePacked(
            '{"display_type":"',
            display,
            '","trait_type":"',
            trait,
            '","value":',
            value.toString(),
            "}"
        );
    }
}
