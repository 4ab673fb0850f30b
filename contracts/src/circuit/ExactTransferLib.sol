// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {IOrderPayments} from "./IOrderPayments.sol";

/// @title Transfers that arrive to the unit, or not at all
library ExactTransferLib {
    using SafeERC20 for IERC20;

    /// @notice Moves `amount` out of the allowance that `source` gave this contract.
    /// @dev Balances are read around the transfer: a token that takes a fee on the way, debits more
    /// than it was told or only pretends is refused. `source` and `target` must differ.
    function moveExactly(IERC20 asset, address source, address target, uint256 amount) internal {
        uint256 sourceBefore = asset.balanceOf(source);
        uint256 targetBefore = asset.balanceOf(target);
        // The callers name as source whoever called them, or who signed the order.
        // slither-disable-next-line arbitrary-send-erc20
        asset.safeTransferFrom(source, target, amount);
        if (
            asset.balanceOf(source) + amount != sourceBefore
                || asset.balanceOf(target) != targetBefore + amount
        ) revert IOrderPayments.InexactTransfer(source, target, amount);
    }
}
