import json

import pytest

from settlement.royalties.canonical import (
    RepeatedKey,
    canonical_json,
    json_lines,
    without_repeated_keys,
)


def test_canonical_json__any_order__one_spelling() -> None:
    assert canonical_json({"b": ["1", {"d": "", "c": "é"}], "a": {}}) == (
        '{"a":{},"b":["1",{"c":"é","d":""}]}'.encode()
    )


def test_canonical_json__control_characters__escaped_as_rfc_8785() -> None:
    text = '\u20ac$\u000f\nA\'B"\\\\"/'  # the example of RFC 8785, section 3.2.3

    assert canonical_json(text) == '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'.encode()


def test_json_lines__each_line__ended() -> None:
    assert json_lines([{"a": "1"}, {}]) == b'{"a":"1"}\n{}\n'
    assert json_lines([]) == b""


def test_without_repeated_keys__twice__refused() -> None:
    with pytest.raises(RepeatedKey, match="'a' stands twice") as refused:
        json.loads('{"a":"1","a":"1"}', object_pairs_hook=without_repeated_keys)

    assert refused.value.key == "a"
