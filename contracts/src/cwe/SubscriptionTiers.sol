// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";

import {EpochClock} from "../settlement/EpochClock.sol";
import {IEpochPayouts} from "../settlement/IEpochPayouts.sol";

/// @title Subscriptions by tier
/// @notice Takes the price of a tier for one epoch and passes it on to the settlement. What an
/// epoch distributes is what was paid for it, not what a price list says.
contract SubscriptionTiers is AccessControl, ReentrancyGuard {
    using SafeERC20 for IERC20;

    /* TYPES */

    /// @notice May set tiers.
    bytes32 public constant GOVERNANCE_ROLE = keccak256("GOVERNANCE_ROLE");

    /// @notice What one epoch of a tier costs.
    struct Price {
        address asset;
        uint256 amount;
    }

    /// @dev `latest` is in force from `effectiveEpoch` on, `earlier` before it. A price changes at
    /// most once per epoch border, so two are enough for the current and the next epoch.
    struct Tier {
        uint64 effectiveEpoch;
        Price earlier;
        Price latest;
    }

    /* ERRORS */

    /// @notice A tier costs something.
    error PriceIsZero(bytes32 tierId);
    /// @notice The asset has no code.
    error NotAContract(address asset);
    /// @notice The tier is not in force in this epoch.
    error TierNotInForce(bytes32 tierId, uint64 epoch);
    /// @notice Money is taken for the current and the next epoch only.
    error EpochNotPayable(uint64 epoch, uint64 current);
    /// @notice The subscriber is the zero address.
    error SubscriberIsZero();
    /// @notice This tier was paid for this subscriber and epoch before.
    error AlreadySubscribed(address subscriber, uint64 epoch, bytes32 tierId);
    /// @notice Another sum arrived than the price.
    error InexactPayment(address asset, uint256 actual, uint256 expected);

    /* EVENTS */

    /// @notice The tier costs `price` in `asset` from `effectiveEpoch` on.
    event TierSet(
        bytes32 indexed tierId, address indexed asset, uint64 effectiveEpoch, uint256 price
    );
    /// @notice `payer` paid for `subscriber`.
    event Subscribed(
        address indexed subscriber,
        uint64 indexed epoch,
        bytes32 indexed tierId,
        address payer,
        address asset,
        uint256 amount
    );

    /* STORAGE */

    /// @notice The clock that says which epochs take money.
    EpochClock public immutable clock;
    /// @notice The settlement that receives the money.
    IEpochPayouts public immutable payouts;
    mapping(bytes32 tierId => Tier) private _tiers;
    /// @notice Subscriptions paid.
    mapping(address subscriber => mapping(uint64 epoch => mapping(bytes32 tierId => bool))) public
        isSubscribed;

    /* CONSTRUCTOR */

    /// @param admin Receives DEFAULT_ADMIN_ROLE and nothing else; it grants GOVERNANCE_ROLE.
    constructor(EpochClock clock_, IEpochPayouts payouts_, address admin) {
        clock = clock_;
        payouts = payouts_;
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /* EXTERNAL */

    /// @notice Sets a tier: the first time for the current epoch, later for the next one.
    function setTier(bytes32 tierId, address asset, uint256 price)
        external
        onlyRole(GOVERNANCE_ROLE)
    {
        if (price == 0) revert PriceIsZero(tierId);
        if (asset.code.length == 0) revert NotAContract(asset);
        Tier storage tier = _tiers[tierId];
        uint64 current = clock.currentEpoch();
        if (tier.latest.amount == 0) {
            tier.effectiveEpoch = current;
        } else if (tier.effectiveEpoch <= current) {
            tier.earlier = tier.latest;
            tier.effectiveEpoch = current + 1;
        }
        tier.latest = Price({asset: asset, amount: price});
        emit TierSet(tierId, asset, tier.effectiveEpoch, price);
    }

    /// @notice Pays one epoch of a tier for `subscriber`, from the caller.
    /// @dev Warning: the price of the next epoch may still change; the caller's allowance bounds
    /// it.
    function subscribe(bytes32 tierId, uint64 epoch, address subscriber) external nonReentrant {
        if (subscriber == address(0)) revert SubscriberIsZero();
        if (!clock.acceptsPayment(epoch)) revert EpochNotPayable(epoch, clock.currentEpoch());
        Price memory price = priceOf(tierId, epoch);
        if (isSubscribed[subscriber][epoch][tierId]) {
            revert AlreadySubscribed(subscriber, epoch, tierId);
        }
        isSubscribed[subscriber][epoch][tierId] = true;
        emit Subscribed(subscriber, epoch, tierId, msg.sender, price.asset, price.amount);
        _forward(epoch, price);
    }

    /* VIEWS */

    /// @notice Price of a tier in `epoch`; exact for the current and the next epoch.
    function priceOf(bytes32 tierId, uint64 epoch) public view returns (Price memory price) {
        Tier storage tier = _tiers[tierId];
        price = epoch < tier.effectiveEpoch ? tier.earlier : tier.latest;
        if (price.amount == 0) revert TierNotInForce(tierId, epoch);
    }

    /* INTERNALS */

    function _forward(uint64 epoch, Price memory price) private {
        IERC20 token = IERC20(price.asset);
        uint256 balanceBefore = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), price.amount);
        uint256 arrived = token.balanceOf(address(this)) - balanceBefore;
        if (arrived != price.amount) revert InexactPayment(price.asset, arrived, price.amount);
        token.forceApprove(address(payouts), price.amount);
        uint256 received = payouts.fund(epoch, price.asset, price.amount);
        if (received != price.amount) revert InexactPayment(price.asset, received, price.amount);
    }
}
