// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IFeeSchedule} from "./IFeeSchedule.sol";

/// @title A fee on top of a price, and changes of it that nobody can hide
abstract contract FeeSchedule is IFeeSchedule, AccessControl {
    /* TYPES */

    /// @notice What `bps` count.
    uint256 public constant BPS_ONE = 10_000;
    /// @notice The greatest rate: 10 %.
    uint16 public constant FEE_BPS_MAX = 1_000;

    /* STORAGE */

    /// @inheritdoc IFeeSchedule
    uint64 public immutable feeDelay;
    /// @inheritdoc IFeeSchedule
    uint80 public immutable feeMinimumMax;
    FeeTerms private _terms;
    FeeTerms private _announced;
    uint64 private _applicableAt;

    /* CONSTRUCTOR */

    constructor(FeeTerms memory terms, uint80 feeMinimumMax_, uint64 feeDelay_) {
        if (feeDelay_ == 0) revert FeeDelayIsZero();
        feeMinimumMax = feeMinimumMax_;
        feeDelay = feeDelay_;
        _requireBounded(terms, feeMinimumMax_);
        _set(terms);
    }

    /* EXTERNAL */

    /// @inheritdoc IFeeSchedule
    function announceFeeTerms(FeeTerms calldata terms) external onlyRole(DEFAULT_ADMIN_ROLE) {
        if (_applicableAt != 0) revert FeeTermsAlreadyAnnounced();
        _requireBounded(terms, feeMinimumMax);
        _announced = terms;
        _applicableAt = uint64(block.timestamp) + feeDelay;
        emit FeeTermsAnnounced(terms.treasury, terms.minimum, terms.bps, _applicableAt);
    }

    /// @inheritdoc IFeeSchedule
    function applyFeeTerms() external {
        (FeeTerms memory terms, uint64 applicableAt) = _takeAnnounced();
        if (block.timestamp < applicableAt) revert FeeTermsNotApplicableYet(applicableAt);
        _set(terms);
    }

    /// @inheritdoc IFeeSchedule
    function cancelFeeTerms() external onlyRole(DEFAULT_ADMIN_ROLE) {
        _takeAnnounced();
        emit FeeTermsCancelled();
    }

    /* VIEWS */

    /// @inheritdoc IFeeSchedule
    function feeOf(uint256 amount) public view returns (uint256) {
        return Math.max(_terms.minimum, amount * _terms.bps / BPS_ONE);
    }

    /// @inheritdoc IFeeSchedule
    function feeTerms() public view returns (FeeTerms memory) {
        return _terms;
    }

    /// @inheritdoc IFeeSchedule
    function announcedFeeTerms() external view returns (FeeTerms memory, uint64 applicableAt) {
        return (_announced, _applicableAt);
    }

    /* INTERNALS */

    function _takeAnnounced() private returns (FeeTerms memory terms, uint64 applicableAt) {
        (terms, applicableAt) = (_announced, _applicableAt);
        // Zero says that nothing is announced; nothing is applicable at zero.
        // slither-disable-next-line incorrect-equality
        if (applicableAt == 0) revert FeeTermsNotAnnounced();
        delete _announced;
        _applicableAt = 0;
    }

    function _set(FeeTerms memory terms) private {
        _terms = terms;
        emit FeeTermsSet(terms.treasury, terms.minimum, terms.bps);
    }

    function _requireBounded(FeeTerms memory terms, uint80 minimumMax) private view {
        if (terms.treasury == address(0) || terms.treasury == address(this)) {
            revert InvalidTreasury(terms.treasury);
        }
        if (terms.bps > FEE_BPS_MAX || terms.minimum > minimumMax) {
            revert FeeOutOfBounds(terms.bps, terms.minimum);
        }
    }
}
