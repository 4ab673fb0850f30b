// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title Demo Dollar
/// @notice A stablecoin for demonstrations: the owner mints, and can refuse recipients the way a
/// regulated issuer does; holders permit by signature, as with USDC.
contract DemoToken is ERC20Permit, Ownable {
    /* ERRORS */

    /// @notice The issuer refuses transfers to this address.
    error RecipientRefused(address recipient);

    /* EVENTS */

    /// @notice Transfers to `recipient` are refused from now on, or not any more.
    event RefusalSet(address indexed recipient, bool refused);

    /* STORAGE */

    /// @notice Addresses that receive nothing.
    mapping(address recipient => bool) public isRefused;

    /* CONSTRUCTOR */

    constructor(address owner_)
        ERC20("Demo Dollar", "DUSD")
        ERC20Permit("Demo Dollar")
        Ownable(owner_)
    {}

    /* EXTERNAL */

    /// @notice Creates `amount` base units for `to`.
    function mint(address to, uint256 amount) external onlyOwner {
        _mint(to, amount);
    }

    /// @notice Refuses transfers to `recipient`, or allows them again.
    function refuse(address recipient, bool refused) external onlyOwner {
        isRefused[recipient] = refused;
        emit RefusalSet(recipient, refused);
    }

    /* VIEWS */

    /// @inheritdoc ERC20
    function decimals() public pure override returns (uint8) {
        return 6;
    }

    /* INTERNALS */

    /// @inheritdoc ERC20
    function _update(address from, address to, uint256 amount) internal override {
        if (isRefused[to]) revert RecipientRefused(to);
        super._update(from, to, amount);
    }
}
