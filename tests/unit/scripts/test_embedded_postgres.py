"""How much memory the embedded Postgres takes for itself."""

import pytest

from scripts.embedded.postgres import buffers_mb


@pytest.mark.parametrize(
    ("memory_mb", "expected"),
    [(512, 128), (4_096, 128), (8_192, 256), (16_384, 512), (262_144, 512)],
)
def test_buffers__memory_of_the_machine__a_share_within_bounds(
    memory_mb: int, expected: int
) -> None:
    assert buffers_mb(memory_mb) == expected
