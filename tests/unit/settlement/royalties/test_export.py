"""`export_bundle`; bundles of large epochs are compared with it in the integration tests."""

from settlement.royalties.derivation import bundle_files, derive
from settlement.royalties.export import export_bundle
from tests.royalties_builders import FIRST_EPOCH, facts_of, sample_chain
from tests.royalties_fakes import FilesInMemory


def test_export__computed_epoch__all_its_files() -> None:
    writer = FilesInMemory()
    computed = derive(facts_of(sample_chain(), FIRST_EPOCH))

    export_bundle(computed, writer)

    assert writer.files == bundle_files(computed)
