// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC4906} from "@openzeppelin/contracts/interfaces/IERC4906.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {IERC721Metadata} from "@openzeppelin/contracts/token/ERC721/extensions/IERC721Metadata.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";

import {SignatureLib} from "../settlement/SignatureLib.sol";
import {IEventPages} from "./IEventPages.sol";
import {ITicket} from "./ITicket.sol";
import {TicketMetadata} from "./TicketMetadata.sol";

/// @title Tickets to events
/// @dev Nobody administers it: the sale that created it issues tickets and takes back those that
/// are refunded, and that is all.
contract Ticket is ITicket, ERC721, EIP712 {
    /* TYPES */

    /// @notice EIP-712 type hash of `Redemption`.
    bytes32 public constant REDEMPTION_TYPEHASH =
        keccak256("Redemption(uint256 ticketId,address redeemer,uint64 deadline)");
    /// @dev The identifier that EIP-4906 fixes; its interface has only events.
    bytes4 private constant METADATA_UPDATES = 0x49064906;

    /* STORAGE */

    /// @inheritdoc ITicket
    address public immutable minter;
    /// @inheritdoc ITicket
    mapping(uint256 ticketId => Admission) public admissionOf;
    /// @inheritdoc ITicket
    mapping(uint256 ticketId => address) public redeemerOf;

    /* CONSTRUCTOR */

    /// @dev Whoever creates it is the sale.
    constructor() ERC721("Quittance Ticket", "TICKET") EIP712("Quittance Ticket", "1") {
        minter = msg.sender;
    }

    /* MODIFIERS */

    modifier onlyMinter() {
        if (msg.sender != minter) revert NotMinter(msg.sender);
        _;
    }

    /* EXTERNAL */

    /// @inheritdoc ITicket
    /// @dev The buyer is not called back: any account can hold a ticket.
    function issue(address to, uint256 ticketId, Admission calldata admission) external onlyMinter {
        admissionOf[ticketId] = admission;
        emit TicketIssued(ticketId, admission.eventId, admission.tierId, admission.number);
        _mint(to, ticketId);
    }

    /// @inheritdoc ITicket
    function takeBack(address holder, uint256 ticketId) external onlyMinter {
        _requireHolder(holder, ticketId);
        _burn(ticketId);
    }

    /// @inheritdoc ITicket
    function redeem(uint256 ticketId) external {
        _redeem(ticketId, msg.sender);
    }

    /// @inheritdoc ITicket
    function redeemFor(
        uint256 ticketId,
        address redeemer,
        uint64 deadline,
        bytes calldata signature
    ) external {
        if (block.timestamp > deadline) revert RedemptionExpired(deadline);
        bytes32 digest = redemptionDigest(ticketId, redeemer, deadline);
        _redeem(ticketId, redeemer);
        // A holder is never zero, which a failed recovery answers.
        if (!SignatureLib.isSignedBy(redeemer, digest, signature)) {
            revert NotSignedByHolder(redeemer);
        }
    }

    /* VIEWS */

    /// @inheritdoc ITicket
    function redemptionDigest(uint256 ticketId, address redeemer, uint64 deadline)
        public
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(
            keccak256(abi.encode(REDEMPTION_TYPEHASH, ticketId, redeemer, deadline))
        );
    }

    /// @inheritdoc IERC721Metadata
    function tokenURI(uint256 ticketId)
        public
        view
        override(ERC721, IERC721Metadata)
        returns (string memory)
    {
        _requireOwned(ticketId);
        Admission memory admission = admissionOf[ticketId];
        return TicketMetadata.uriOf(
            IEventPages(minter).pageOf(admission.eventId, admission.tierId),
            admission.number,
            redeemerOf[ticketId] != address(0)
        );
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId)
        public
        view
        override(ERC721, IERC165)
        returns (bool)
    {
        return interfaceId == METADATA_UPDATES || super.supportsInterface(interfaceId);
    }

    /* INTERNALS */

    /// @inheritdoc ERC721
    /// @dev Every way in which a ticket changes hands, or goes, leads through here.
    function _update(address to, uint256 ticketId, address auth)
        internal
        override
        returns (address)
    {
        _requireUnredeemed(ticketId);
        return super._update(to, ticketId, auth);
    }

    function _redeem(uint256 ticketId, address redeemer) private {
        _requireHolder(redeemer, ticketId);
        _requireUnredeemed(ticketId);
        redeemerOf[ticketId] = redeemer;
        emit TicketRedeemed(ticketId, admissionOf[ticketId].eventId, redeemer);
        emit IERC4906.MetadataUpdate(ticketId);
    }

    /// @dev Zero holds nothing, neither a ticket that was never issued nor one taken back.
    function _requireHolder(address account, uint256 ticketId) private view {
        if (account == address(0) || _ownerOf(ticketId) != account) {
            revert NotHolder(account, ticketId);
        }
    }

    function _requireUnredeemed(uint256 ticketId) private view {
        address redeemer = redeemerOf[ticketId];
        if (redeemer != address(0)) revert AlreadyRedeemed(ticketId, redeemer);
    }
}
