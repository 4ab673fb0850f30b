// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ContentClaims} from "../../contracts/src/cwe/ContentClaims.sol";
import {CreatorAttestations} from "../../contracts/src/cwe/CreatorAttestations.sol";
import {SplitAccounts} from "../../contracts/src/cwe/SplitAccounts.sol";
import {WorkRegistry} from "../../contracts/src/cwe/WorkRegistry.sol";
import {LeafIds} from "../../contracts/src/settlement/LeafIds.sol";
import {CreatorsFixture} from "./CreatorsFixture.sol";
import {Vm, vm} from "./Vm.sol";

/// @notice State of the registries as somebody knows it who saw their logs and nothing else.
contract LogReader {
    struct Work {
        address registrant;
        uint32 version;
        bytes32 contentId;
        bytes32 termsDigest;
        bytes32 verdict;
    }

    struct Split {
        address owner;
        uint32 version;
        bytes32 termsDigest;
    }

    struct Attestation {
        address issuer;
        uint64 expiresAt;
    }

    mapping(bytes32 workId => Work) public works;
    mapping(address account => Split) public accounts;
    mapping(bytes32 contentId => ContentClaims.Claim) private _claims;
    mapping(bytes32 contentId => mapping(address => bool)) public refused;
    mapping(bytes32 escrowId => address) public assigned;
    mapping(bytes32 escrowId => ContentClaims.Announcement) public announced;
    mapping(address issuer => bool) public issuers;
    mapping(address subject => mapping(bytes32 credential => Attestation)) public attested;

    function claimOf(bytes32 contentId) external view returns (ContentClaims.Claim memory) {
        return _claims[contentId];
    }

    /// @param timestamp Of the block of the log.
    function read(Vm.Log calldata log, uint64 timestamp) external {
        bytes32 topic = log.topics[0];
        if (topic == WorkRegistry.WorkTermsSet.selector) _readTerms(log);
        if (topic == WorkRegistry.VerdictPlaced.selector) {
            works[log.topics[1]].verdict = log.topics[2];
        }
        if (topic == WorkRegistry.VerdictLifted.selector) works[log.topics[1]].verdict = 0;
        if (topic == SplitAccounts.SplitTermsSet.selector) _readSplit(log);
        if (topic == CreatorAttestations.IssuerSet.selector) {
            issuers[_account(log.topics[1])] = abi.decode(log.data, (bool));
        }
        if (topic == CreatorAttestations.Attested.selector) {
            attested[_account(log.topics[1])][log.topics[2]] =
                Attestation(_account(log.topics[3]), abi.decode(log.data, (uint64)));
        }
        if (topic == CreatorAttestations.Revoked.selector) {
            delete attested[_account(log.topics[1])][log.topics[2]];
        }
        _readClaims(log, timestamp);
        _readBeneficiaries(log);
    }

    function _readTerms(Vm.Log calldata log) private {
        (
            ,
            uint32 version,
            uint64 price,
            bytes32 region,
            address[] memory payees,
            uint32[] memory shares
        ) = abi.decode(log.data, (uint64, uint32, uint64, bytes32, address[], uint32[]));
        Work storage work = works[log.topics[1]];
        work.registrant = _account(log.topics[2]);
        work.contentId = log.topics[3];
        work.version = version;
        work.termsDigest =
            keccak256(abi.encode(WorkRegistry.Terms(log.topics[3], price, region, payees, shares)));
    }

    function _readSplit(Vm.Log calldata log) private {
        (, uint32 version, address[] memory payees, uint32[] memory shares) =
            abi.decode(log.data, (uint64, uint32, address[], uint32[]));
        accounts[_account(log.topics[1])] =
            Split(_account(log.topics[2]), version, keccak256(abi.encode(payees, shares)));
    }

    function _readClaims(Vm.Log calldata log, uint64 timestamp) private {
        bytes32 topic = log.topics[0];
        if (topic == ContentClaims.ContentClaimed.selector) {
            _claims[log.topics[1]] =
                ContentClaims.Claim(_account(log.topics[2]), abi.decode(log.data, (uint64)), false);
        }
        if (topic == ContentClaims.ClaimChallenged.selector) {
            (, uint64 decideBy) = abi.decode(log.data, (bytes32, uint64));
            _claims[log.topics[1]].finalAt = decideBy;
            _claims[log.topics[1]].isChallenged = true;
        }
        if (topic == ContentClaims.ClaimResolved.selector) {
            if (abi.decode(log.data, (bool))) {
                _claims[log.topics[1]].finalAt = timestamp;
            } else {
                delete _claims[log.topics[1]];
                refused[log.topics[1]][_account(log.topics[2])] = true;
            }
        }
    }

    function _readBeneficiaries(Vm.Log calldata log) private {
        bytes32 topic = log.topics[0];
        if (topic == ContentClaims.BeneficiaryAnnounced.selector) {
            announced[log.topics[1]] =
                ContentClaims.Announcement(_account(log.topics[2]), abi.decode(log.data, (uint64)));
        }
        if (topic == ContentClaims.BeneficiaryCancelled.selector) delete announced[log.topics[1]];
        if (topic == ContentClaims.BeneficiaryAssigned.selector) {
            delete announced[log.topics[1]];
            assigned[log.topics[1]] = _account(log.topics[2]);
        }
    }

    function _account(bytes32 word) private pure returns (address) {
        return address(uint160(uint256(word)));
    }
}

/// @notice Whatever people do, in whatever order, the logs alone say what came of it.
contract RegistryLogsTest is CreatorsFixture {
    uint256 private constant STEPS = 60;
    uint256 private constant CHOICES = 18;

    LogReader private reader;
    address[4] private people = [ALICE, BOB, CAROL, STRANGER];
    bytes32[3] private contents = [CONTENT, keccak256("second"), keccak256("third")];
    bytes32[] private workIds;
    address[] private accountIds;
    uint256 private chance;
    uint256 private done;

    function setUp() public override {
        reader = new LogReader();
        vm.recordLogs();
        super.setUp();
        vm.startPrank(ADMIN);
        registry.grantRole(registry.VERDICT_ROLE(), ARBITER);
        vm.stopPrank();
        _read();
        for (uint256 i = 0; i < people.length; ++i) {
            for (uint256 salt = 0; salt < 3; ++salt) {
                workIds.push(registry.workIdOf(people[i], bytes32(salt)));
                accountIds.push(registries.splits.accountOf(people[i], bytes32(salt)));
            }
        }
        for (uint256 salt = 0; salt < 3; ++salt) {
            workIds.push(registry.workIdOf(address(registry), bytes32(salt)));
        }
    }

    function testFuzz_logsAlone_rebuildTheState(uint256 seed) public {
        chance = seed;
        for (uint256 step = 0; step < STEPS; ++step) {
            _act(_draw(CHOICES));
            if (_draw(3) == 0) pass(uint64(_draw(50)));
        }
        _compare();
    }

    /// @notice The random steps above are not all refused.
    function test_logsAlone_ofManyStepsThatWork() public {
        for (uint256 seed = 0; seed < 8; ++seed) {
            chance = seed;
            for (uint256 step = 0; step < STEPS; ++step) {
                _act(_draw(CHOICES));
                pass(uint64(_draw(20)));
            }
        }
        _compare();
        vm.assertGt(done, 8 * STEPS / 4, "too few steps worked");
    }

    /* STEPS */

    function _act(uint256 choice) private {
        address who = people[_draw(people.length)];
        if (choice < 6) _actAsRegistrant(choice, who);
        else if (choice < 9) _actAsCurator(choice, who);
        else if (choice < 12) _actAboutClaims(choice, who);
        else if (choice < 15) _actAboutSuspense(choice);
        else _actAboutAttestations(choice, who);
        _read();
    }

    function _actAsRegistrant(uint256 choice, address who) private {
        bytes32 salt = bytes32(_draw(3));
        bytes32 own = registry.workIdOf(who, salt);
        bytes32 content = contents[_draw(3)];
        bytes[] memory consents = new bytes[](1);
        address payee = _draw(2) == 0 ? who : accountIds[_draw(accountIds.length)];
        (address[] memory payees, uint32[] memory shares) = alone(payee);
        bytes memory data;
        if (choice < 2) {
            data = abi.encodeCall(registry.register, (salt, termsOf(content, payee), consents));
        }
        if (choice == 2) data = abi.encodeCall(registry.setOffer, (own, content, 7, bytes32(0)));
        if (choice == 3) {
            data = abi.encodeCall(registry.setPayees, (own, payees, shares, consents));
        }
        if (choice < 4) return _try(who, address(registry), data);
        _try(
            who,
            address(registries.splits),
            abi.encodeCall(registries.splits.setSplit, (salt, payees, shares, consents))
        );
    }

    function _actAsCurator(uint256 choice, address who) private {
        bytes32 salt = bytes32(_draw(3));
        bytes32 workId = registry.workIdOf(address(registry), salt);
        if (choice == 6) {
            bytes32 content = contents[_draw(3)];
            return _try(
                CURATOR,
                address(registry),
                abi.encodeCall(registry.recognise, (salt, content, 5, bytes32(0)))
            );
        }
        if (choice == 7) {
            return _try(
                CURATOR,
                address(registry),
                abi.encodeCall(registry.setRecognisedOffer, (workId, 8, bytes32(0)))
            );
        }
        (address[] memory payees, uint32[] memory shares) = alone(who);
        _try(
            who,
            address(registry),
            abi.encodeCall(registry.adopt, (workId, payees, shares, new bytes[](1)))
        );
    }

    function _actAboutClaims(uint256 choice, address who) private {
        bytes32 content = contents[_draw(3)];
        bytes32 workId = workIds[_draw(workIds.length)];
        bool isUpheld = _draw(3) == 0;
        bytes memory data = abi.encodeCall(claims.challenge, (content, EVIDENCE));
        if (choice == 10) data = abi.encodeCall(claims.claim, (workId));
        if (choice == 11) data = abi.encodeCall(claims.resolve, (content, isUpheld));
        _try(choice == 11 ? ARBITER : who, address(claims), data);
    }

    function _actAboutSuspense(uint256 choice) private {
        bytes32 id = LeafIds.suspenseOf(workIds[_draw(3)]);
        address account = people[_draw(people.length)];
        bytes memory data = abi.encodeCall(claims.announceBeneficiary, (id, account));
        if (choice == 13) data = abi.encodeCall(claims.applyBeneficiary, (id));
        if (choice == 14) data = abi.encodeCall(claims.cancelBeneficiary, (id));
        _try(ADMIN, address(claims), data);
    }

    function _actAboutAttestations(uint256 choice, address who) private {
        bytes32 credential = registries.attestations.CREATOR();
        bytes32 workId = workIds[_draw(workIds.length)];
        uint64 expiresAt = uint64(block.timestamp + _draw(500));
        address[2] memory issuers = [ADMIN, CAROL];
        address issuer = issuers[_draw(2)];
        address target = address(registries.attestations);
        bytes memory data = abi.encodeCall(CreatorAttestations.attest, (who, credential, expiresAt));
        if (choice == 15 && _draw(2) == 0) {
            bool isTrusted = _draw(3) != 0;
            (issuer, data) =
            (ADMIN, abi.encodeCall(CreatorAttestations.setIssuer, (issuer, isTrusted)));
        }
        if (choice == 16) data = abi.encodeCall(CreatorAttestations.revoke, (who, credential));
        if (choice == 17) {
            (issuer, target) = (ARBITER, address(registry));
            data = registry.isUnderVerdict(workId)
                ? abi.encodeCall(registry.liftVerdict, (workId, EVIDENCE))
                : abi.encodeCall(registry.placeVerdict, (workId, EVIDENCE));
        }
        _try(issuer, target, data);
    }

    function _try(address who, address target, bytes memory data) private {
        vm.prank(who);
        (bool isDone,) = target.call(data);
        if (isDone) ++done;
    }

    function _draw(uint256 count) private returns (uint256) {
        chance = uint256(keccak256(abi.encode(chance)));
        return chance % count;
    }

    function _read() private {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            reader.read(logs[i], uint64(block.timestamp));
        }
    }

    /* COMPARISON */

    function _compare() private view {
        for (uint256 i = 0; i < workIds.length; ++i) {
            _compareWork(workIds[i]);
            bytes32 suspense = LeafIds.suspenseOf(workIds[i]);
            vm.assertEq(claims.beneficiaryOf(suspense), reader.assigned(suspense));
            (address account, uint64 applicableAt) = claims.announcementOf(suspense);
            (address readAccount, uint64 readAt) = reader.announced(suspense);
            vm.assertEq(account, readAccount);
            vm.assertEq(applicableAt, readAt);
        }
        for (uint256 i = 0; i < accountIds.length; ++i) {
            _compareAccount(accountIds[i]);
        }
        for (uint256 i = 0; i < contents.length; ++i) {
            ContentClaims.Claim memory actual = claims.claimOf(contents[i]);
            vm.assertEq(abi.encode(actual), abi.encode(reader.claimOf(contents[i])));
            for (uint256 j = 0; j < people.length; ++j) {
                bool isRefused = claims.isRefused(contents[i], people[j]);
                vm.assertTrue(isRefused == reader.refused(contents[i], people[j]));
            }
        }
        for (uint256 i = 0; i < people.length; ++i) {
            _compareAttestation(people[i]);
        }
    }

    function _compareWork(bytes32 workId) private view {
        (
            address registrant,
            uint32 version,
            bytes32 contentId,
            bytes32 termsDigest,
            bytes32 verdict
        ) = reader.works(workId);
        vm.assertEq(registry.registrantOf(workId), registrant);
        vm.assertEq(registry.versionOf(workId), version);
        vm.assertEq(registry.contentOf(workId), contentId);
        vm.assertEq(registry.verdictOf(workId), verdict);
        if (version == 0) return;
        vm.assertEq(keccak256(abi.encode(registry.latestTermsOf(workId))), termsDigest);
    }

    function _compareAccount(address account) private view {
        (address owner, uint32 version, bytes32 termsDigest) = reader.accounts(account);
        vm.assertEq(registries.splits.ownerOf(account), owner);
        vm.assertEq(registries.splits.versionOf(account), version);
        vm.assertEq(registries.splits.termsDigestOf(account), termsDigest);
    }

    function _compareAttestation(address subject) private view {
        bytes32 credential = registries.attestations.CREATOR();
        (address issuer, uint64 expiresAt) = reader.attested(subject, credential);
        (address actualIssuer, uint64 actualExpiry) =
            registries.attestations.attestationOf(subject, credential);
        vm.assertEq(issuer, actualIssuer);
        vm.assertEq(expiresAt, actualExpiry);
        bool isValid = reader.issuers(issuer) && block.timestamp < expiresAt;
        vm.assertTrue(registries.attestations.isCreator(subject) == isValid);
    }
}
