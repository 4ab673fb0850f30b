// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title A fee on top of a price, and changes of it that nobody can hide
/// @notice The fee is max(minimum, floor(amount × bps / 10,000)). New terms are announced, wait for
/// `feeDelay`, and are bounded.
interface IFeeSchedule {
    /* TYPES */

    /// @notice Who receives fees, and how they are computed.
    struct FeeTerms {
        address treasury;
        uint80 minimum;
        uint16 bps;
    }

    /* ERRORS */

    /// @notice The treasury cannot be paid.
    error InvalidTreasury(address treasury);
    /// @notice The rate is above `FEE_BPS_MAX`, or the minimum above `feeMinimumMax`.
    error FeeOutOfBounds(uint16 bps, uint80 minimum);
    /// @notice A change needs some time to be seen in.
    error FeeDelayIsZero();
    /// @notice Other terms are announced already.
    error FeeTermsAlreadyAnnounced();
    /// @notice No terms are announced.
    error FeeTermsNotAnnounced();
    /// @notice The announced terms may not be applied yet.
    error FeeTermsNotApplicableYet(uint64 applicableAt);

    /* EVENTS */

    /// @notice Terms were announced; anybody may apply them from `applicableAt` on.
    event FeeTermsAnnounced(
        address indexed treasury, uint80 minimum, uint16 bps, uint64 applicableAt
    );
    /// @notice Terms are in force from here on.
    event FeeTermsSet(address indexed treasury, uint80 minimum, uint16 bps);
    /// @notice The announced terms will not come.
    event FeeTermsCancelled();

    /* EXTERNAL */

    /// @notice Announces terms; for the administrator.
    function announceFeeTerms(FeeTerms calldata terms) external;

    /// @notice Brings the announced terms into force, for whoever asks, once the delay is over.
    function applyFeeTerms() external;

    /// @notice Takes the announcement back; for the administrator.
    function cancelFeeTerms() external;

    /* VIEWS */

    /// @notice The fee on top of `amount`, under the terms in force.
    function feeOf(uint256 amount) external view returns (uint256);

    /// @notice The terms in force.
    function feeTerms() external view returns (FeeTerms memory);

    /// @notice The announced terms and the first second at which they can be applied; zeros if none.
    function announcedFeeTerms() external view returns (FeeTerms memory, uint64 applicableAt);

    /// @notice Seconds from an announcement to its application.
    function feeDelay() external view returns (uint64);

    /// @notice The greatest minimum that can be announced.
    function feeMinimumMax() external view returns (uint80);
}
