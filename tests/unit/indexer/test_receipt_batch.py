"""Receipts of blocks as columns: what is proved, and the refusal of every change."""

import copy

import numpy as np
import pytest

from contracts.evm import keccak
from indexer.adapters.answer_fields import NotTheSchema
from indexer.adapters.receipt_answers import receipts_from_answers
from indexer.adapters.rpc_answers import blocks_from_answers
from indexer.chain_profiles import chain_profile_named
from indexer.errors import ReceiptsRefused, Transient
from indexer.logs import LogBatch
from indexer.receipt_batch import prove_receipts
from tests.block_answers import Answer, made_up_block, made_up_receipts, shown
from tests.published import REASON, PublishedBlock, published_blocks
from tests.receipt_mutations import PLACES, digit_changed, list_mutations, text_mutations


def proved(*pairs: tuple[Answer, list[Answer]], profile: str = "ethereum") -> LogBatch:
    """What is proved of these blocks, each with its receipts."""
    blocks = blocks_from_answers([block for block, _ in pairs])
    receipts = receipts_from_answers([answers for _, answers in pairs])
    return prove_receipts(blocks, receipts, chain_profile_named(profile))


def placed(block: Answer, receipts: list[Answer]) -> list[Answer]:
    """The receipts as one who lies about their content would place them: all in good order."""
    log_index = 0
    for position, receipt in enumerate(receipts):
        here = {
            "blockHash": block["hash"],
            "blockNumber": block["number"],
            "transactionIndex": hex(position),
            "transactionHash": receipt["transactionHash"],
        }
        receipt.update(here)
        for log in receipt["logs"]:
            log.update(here, logIndex=hex(log_index))
            log_index += 1
    return receipts


def with_blooms(receipts: list[Answer]) -> list[Answer]:
    """The receipts with the blooms that they have, as nodes state them."""
    for receipt in receipts:
        bloom = 0
        for log in receipt["logs"]:
            for text in (log["address"], *log["topics"]):
                digest = keccak(bytes.fromhex(text[2:]))
                for place in (0, 2, 4):
                    bloom |= 1 << (int.from_bytes(digest[place : place + 2], "big") & 2047)
        receipt["logsBloom"] = shown(bloom.to_bytes(256, "big"))
    return receipts


def unlisted(block: Answer) -> Answer:
    return {name: value for name, value in block.items() if name != "transactions"}


def refusal(block: Answer, receipts: list[Answer]) -> str:
    """Why these are not the receipts of the block; "" if they are."""
    try:
        proved((block, receipts))
    except ReceiptsRefused as error:
        return str(error)
    return ""


@pytest.mark.parametrize("state_blooms", [False, True])
def test_prove_receipts__honest_answer__all_logs_in_order(state_blooms: bool) -> None:
    receipts = with_blooms(made_up_receipts(9)) if state_blooms else made_up_receipts(9)
    block, answers = made_up_block(receipts)

    logs = proved((block, answers))

    stated = [log for receipt in answers for log in receipt["logs"]]
    assert len(logs) == len(stated) > 8
    assert logs.log_index.tolist() == list(range(len(stated)))
    assert [shown(log.data) for log in logs.rows()] == [log["data"] for log in stated]


def test_prove_receipts__every_list_mutation__refused_however_well_it_is_placed() -> None:
    block, receipts = made_up_block()
    found = list(list_mutations(receipts))

    assert len(found) > 50
    for name, changed in found:
        assert refusal(block, changed), name
        assert "their root is 0x" in refusal(unlisted(block), placed(block, changed)), name


@pytest.mark.parametrize("state_blooms", [False, True])
def test_prove_receipts__every_digit_changed__refused_by_the_root(state_blooms: bool) -> None:
    block, receipts = made_up_block()
    if state_blooms:
        with_blooms(receipts)
    found = list(text_mutations(receipts))

    assert len(found) > 900
    for name, changed in found:
        assert "their root is 0x" in refusal(block, changed), name


def test_prove_receipts__any_digit_of_a_stated_bloom__refused() -> None:
    block, receipts = made_up_block()
    stated = with_blooms(receipts)[2]["logsBloom"]

    for place in range(2, len(stated)):
        receipts[2]["logsBloom"] = digit_changed(stated, place)
        with pytest.raises(ReceiptsRefused, match="their root is 0x"):
            proved((block, receipts))


def test_prove_receipts__any_place_changed__refused_though_the_root_fits() -> None:
    block, receipts = made_up_block()
    owners: list[tuple[Answer, tuple[str, ...]]] = [(one, PLACES[:-1]) for one in receipts]
    owners += [(log, PLACES) for receipt in receipts for log in receipt["logs"]]

    for owner, fields in owners:
        for field in fields:
            honest = owner[field]
            owner[field] = digit_changed(honest, len(honest) - 1)
            with pytest.raises(ReceiptsRefused, match="their order says"):
                proved((block, receipts))
            owner[field] = honest
    assert len(proved((block, receipts))) == 6


def test_prove_receipts__place_missing__not_the_schema() -> None:
    block, receipts = made_up_block()

    for field in PLACES:
        changed = copy.deepcopy(receipts)
        del changed[3]["logs"][1][field]
        with pytest.raises(NotTheSchema, match=field):
            proved((block, changed))


def test_prove_receipts__transaction_hash_changed_throughout__the_list_refuses() -> None:
    block, receipts = made_up_block()
    for one in (receipts[2], *receipts[2]["logs"]):
        one["transactionHash"] = shown(b"\x05" * 32)

    with pytest.raises(ReceiptsRefused, match="transaction hash is 0x0505"):
        proved((block, receipts))
    logs = proved((unlisted(block), receipts))
    assert (logs.transaction_hash == 5).all(axis=1).sum() == 2


def test_prove_receipts__many_blocks__each_by_its_own_header() -> None:
    pairs = [made_up_block(made_up_receipts(count)) for count in (4, 0, 7, 1, 0, 140)]

    logs = proved(*pairs)

    counts = [sum(len(one["logs"]) for one in receipts) for _, receipts in pairs]
    assert len(logs) == sum(counts)
    assert logs.log_index.tolist() == [index for count in counts for index in range(count)]
    names = np.repeat([int(block["hash"], 16) & 0xFF for block, _ in pairs], counts)
    assert logs.block_hash[:, -1].tolist() == names.tolist()


def test_prove_receipts__receipts_of_two_blocks_swapped__refused() -> None:
    (first, of_first), (second, of_second) = (made_up_block(made_up_receipts(n)) for n in (4, 5))

    with pytest.raises(ReceiptsRefused):
        proved((first, of_second), (second, of_first))
    with pytest.raises(ReceiptsRefused, match="their root is"):
        proved((unlisted(first), placed(first, of_second)))


def test_prove_receipts__nothing_for_a_block_with_receipts__refused() -> None:
    block, _ = made_up_block()

    with pytest.raises(ReceiptsRefused, match="they are 0, the block lists 4 transactions"):
        proved((block, []))
    with pytest.raises(ReceiptsRefused, match="their root is 0x56e81f17"):
        proved((unlisted(block), []))


def test_prove_receipts__no_blocks__no_logs() -> None:
    assert len(proved()) == 0


def test_prove_receipts__bloom_of_header_not_theirs__refused() -> None:
    block, receipts = made_up_block()
    block["logsBloom"] = digit_changed(block["logsBloom"], 77)

    with pytest.raises(ReceiptsRefused, match="do not make that of the header"):
        proved((block, receipts))
    assert len(proved((block, receipts), profile="cronos")) == 6


def test_prove_receipts__refusal__names_the_block_and_is_transient() -> None:
    block, receipts = made_up_block()
    honest = made_up_block(made_up_receipts(5))
    receipts[3]["logs"].pop()

    with pytest.raises(ReceiptsRefused) as refusal:
        proved(honest, (block, receipts))
    assert isinstance(refusal.value, Transient)
    assert refusal.value.number == int(block["number"], 16)
    assert str(refusal.value).startswith(f"receipts of block {refusal.value.number}: ")


def test_prove_receipts__receipt_left_out_by_profile__its_logs_are_not_proved() -> None:
    block, receipts = made_up_block(left_out=1)
    number = int(block["number"], 16).to_bytes(8, "big")
    seed = b"matic-bor-receipt-" + number + bytes.fromhex(block["hash"][2:])
    receipts[-1]["transactionHash"] = block["transactions"][-1] = shown(keccak(seed))
    placed(block, receipts)

    logs = proved((block, receipts), profile="polygon")

    assert len(receipts[-1]["logs"]) == 3
    assert logs.log_index.tolist() == [0, 1, 2]
    with pytest.raises(ReceiptsRefused):
        proved((block, receipts))


PUBLISHED = published_blocks()
"""Published blocks with their receipts; extractors keep few places."""

of_published_blocks = pytest.mark.parametrize("one", PUBLISHED, ids=[one.name for one in PUBLISHED])


def pair(one: PublishedBlock) -> tuple[Answer, list[Answer]]:
    block, receipts = copy.deepcopy((one.block, one.receipts))
    return block, placed(block, receipts)


@of_published_blocks
def test_prove_receipts__published_block__proved_and_any_log_dropped_refused(
    one: PublishedBlock,
) -> None:
    block, receipts = pair(one)
    count = sum(len(receipt["logs"]) for receipt in receipts)
    assert len(proved((block, receipts))) == count

    with_logs = [receipt for receipt in receipts if receipt["logs"]]
    for receipt in with_logs[::5]:
        dropped = receipt["logs"].pop()
        with pytest.raises(ReceiptsRefused, match="their root is"):
            proved((block, placed(block, receipts)))
        receipt["logs"].append(dropped)
    assert len(proved((block, placed(block, receipts)))) == count


@pytest.mark.skipif(not PUBLISHED, reason=REASON)
def test_prove_receipts__all_published_blocks_together__proved() -> None:
    pairs = [pair(one) for one in PUBLISHED]

    logs = proved(*pairs)

    assert len(logs) == sum(len(one["logs"]) for _, receipts in pairs for one in receipts)


@of_published_blocks
@pytest.mark.parametrize("change", ["drop", "swap"])
def test_prove_receipts__published_block__receipts_changed__refused(
    one: PublishedBlock, change: str
) -> None:
    block, receipts = pair(one)

    for at in range(1, len(receipts), 13):
        changed = list(receipts)
        if change == "drop":
            del changed[at]
        else:
            changed[at - 1], changed[at] = changed[at], changed[at - 1]
        with pytest.raises(ReceiptsRefused):
            proved((block, changed))
