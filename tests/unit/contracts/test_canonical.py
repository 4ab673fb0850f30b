import pytest

from contracts.canonical import (
    RepeatedKey,
    canonical_json,
    json_from_bytes,
    json_lines,
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


def test_json_from_bytes__key_twice__refused() -> None:
    with pytest.raises(RepeatedKey, match="'a' stands twice") as refused:
        json_from_bytes(b'{"a":"1","a":"1"}')

    assert refused.value.key == "a"


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'])
def test_json_from_bytes__brackets_without_end__refused_before_they_are_followed(
    opening: bytes,
) -> None:
    """As parameters on the chain they would end every process that computes the epoch."""
    with pytest.raises(ValueError, match="more than 64 deep"):
        json_from_bytes(opening * 200_000)


@pytest.mark.parametrize("closing", [b'["%s",', b'["\\"%s",', b'[{"%s":'])
def test_json_from_bytes__closing_brackets_in_a_string__close_nothing(closing: bytes) -> None:
    with pytest.raises(ValueError, match="more than 64 deep"):
        json_from_bytes(closing % (b"]" * 100_000) + b"[" * 100_000)


def test_json_from_bytes__many_side_by_side__read() -> None:
    data = b"[" + b",".join([b'[{"a":[]}]'] * 1_000) + b"]"

    assert canonical_json(json_from_bytes(data)) == data


def test_json_from_bytes__as_deep_as_allowed__read() -> None:
    data = b"[" * 64 + b"]" * 64

    assert canonical_json(json_from_bytes(data)) == data
    with pytest.raises(ValueError, match="deep"):
        json_from_bytes(b"[" + data + b"]")


@pytest.mark.parametrize(
    ("data", "about"),
    [
        (b'"\\ud800"', "surrogates"),
        (b'{"\\udfff":"1"}', "surrogates"),
        (b"\xff", "decode"),
        (b"", "Expecting value"),
        (b"[", "Expecting value"),
        (b"[01]", "delimiter"),
    ],
)
def test_json_from_bytes__no_text__refused(data: bytes, about: str) -> None:
    with pytest.raises(ValueError, match=about):
        json_from_bytes(data)
