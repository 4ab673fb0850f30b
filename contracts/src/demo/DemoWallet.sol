// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title A smart account, for demonstrations
/// @notice Its owner's key signs for it (ERC-1271), and sends it to make many calls at once. It is
/// the payer of what it pays; the owner is only who asks.
contract DemoWallet is IERC1271 {
    /* TYPES */

    /// @notice One call that the account makes.
    struct Call {
        address target;
        bytes data;
    }

    /* ERRORS */

    /// @notice Only the owner uses the account.
    error NotOwner(address account);

    /* STORAGE */

    /// @notice Whose key it is.
    address public immutable owner;

    /* CONSTRUCTOR */

    constructor(address owner_) {
        owner = owner_;
    }

    /* EXTERNAL */

    /// @notice Makes calls, in order; all of them, or none.
    function execute(Call[] calldata calls) external {
        if (msg.sender != owner) revert NotOwner(msg.sender);
        for (uint256 i = 0; i < calls.length; ++i) {
            // The owner wants these calls made; what they answer is not needed.
            // slither-disable-next-line unused-return
            Address.functionCall(calls[i].target, calls[i].data);
        }
    }

    /* VIEWS */

    /// @inheritdoc IERC1271
    function isValidSignature(bytes32 digest, bytes calldata signature)
        external
        view
        returns (bytes4)
    {
        // A failed recovery answers zero, which is no owner.
        // slither-disable-next-line unused-return
        (address recovered,,) = ECDSA.tryRecoverCalldata(digest, signature);
        return
            recovered == owner && owner != address(0) ? this.isValidSignature.selector : bytes4(0);
    }
}
