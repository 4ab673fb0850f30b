from contracts.evm import Epoch
from settlement.royalties.compute_epoch import NotYetComputable, Wait
from settlement.royalties.derivation import ComputedEpoch, bundle_files
from settlement.royalties.export import export_bundle
from tests.royalties_builders import FIRST_EPOCH, SETTLEMENT, sample_chain
from tests.royalties_fakes import ComputedInMemory, FilesInMemory


def test_export__computable_epoch__all_files_of_the_stored_attempt() -> None:
    writer, store = FilesInMemory(), ComputedInMemory()

    result = export_bundle(
        FIRST_EPOCH, settlement=SETTLEMENT, source=sample_chain(), store=store, writer=writer
    )

    assert isinstance(result, ComputedEpoch)
    assert writer.files == bundle_files(result)
    assert store.by_attempt[FIRST_EPOCH, 1] == result


def test_export__not_computable_yet__nothing_written() -> None:
    writer = FilesInMemory()

    result = export_bundle(
        Epoch(FIRST_EPOCH + 9),
        settlement=SETTLEMENT,
        source=sample_chain(),
        store=ComputedInMemory(),
        writer=writer,
    )

    assert isinstance(result, NotYetComputable)
    assert result.reason is Wait.GRACE_NOT_FINAL
    assert writer.files == {}
