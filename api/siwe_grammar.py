"""The words of a sign-in message, as RFC 3986 and RFC 3339 spell them; nothing looser is read.

Source: RFC 3986 appendix A (URI, authority, pchar); RFC 3339 §5.6 (date-time); EIP-4361.
"""

import re
from calendar import timegm
from datetime import date
from ipaddress import AddressValueError, IPv6Address

NANOSECONDS = 1_000_000_000

_UNRESERVED = r"A-Za-z0-9\-._~"
_SUB_DELIMS = r"!$&'()*+,;="
_ESCAPED = r"%[0-9A-Fa-f]{2}"
_PCHAR = rf"(?:[{_UNRESERVED}{_SUB_DELIMS}:@]|{_ESCAPED})"
_USERINFO = rf"(?:[{_UNRESERVED}{_SUB_DELIMS}:]|{_ESCAPED})*"
_NAME = rf"(?:[{_UNRESERVED}{_SUB_DELIMS}]|{_ESCAPED})*"
_FUTURE = rf"v[0-9A-Fa-f]+\.[{_UNRESERVED}{_SUB_DELIMS}:]+"
_HOST = rf"(?:\[(?P<literal>[0-9A-Fa-f:.]+|{_FUTURE})\]|{_NAME})"
_AUTHORITY = rf"(?:{_USERINFO}@)?{_HOST}(?::[0-9]*)?"
_SCHEME = r"[A-Za-z][A-Za-z0-9+\-.]*"
_SEGMENTS = rf"(?:/{_PCHAR}*)*"
_HIER_PART = (
    rf"(?://(?P<authority>{_AUTHORITY}){_SEGMENTS}"
    rf"|/(?:{_PCHAR}+{_SEGMENTS})?"
    rf"|{_PCHAR}+{_SEGMENTS}"
    r"|)"
)
_TAIL = rf"(?:{_PCHAR}|[/?])*"

SCHEME = re.compile(_SCHEME)
_AUTHORITY_ALONE = re.compile(_AUTHORITY)
_URI = re.compile(rf"(?P<scheme>{_SCHEME}):{_HIER_PART}(?:\?{_TAIL})?(?:#{_TAIL})?")
STATEMENT = re.compile(rf"[{_UNRESERVED}{_SUB_DELIMS}:/?#\[\]@ ]*")
CHAIN_ID = re.compile(r"[1-9][0-9]{0,17}")
NONCE = re.compile(r"[A-Za-z0-9]{8,128}")
REQUEST_ID = re.compile(rf"{_PCHAR}*")
_DATE_TIME = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})[Tt]"
    r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,9}))?"
    r"(?:[Zz]|(?P<sign>[+-])(?P<off_hour>[0-9]{2}):(?P<off_minute>[0-9]{2}))"
)


def is_authority(text: str) -> bool:
    """Whether the text is an RFC 3986 authority that names a host."""
    found = _AUTHORITY_ALONE.fullmatch(text)
    return found is not None and text != "" and _is_literal(found["literal"])


def is_uri(text: str) -> bool:
    """Whether the text is an RFC 3986 URI (not a relative reference)."""
    found = _URI.fullmatch(text)
    return found is not None and _is_literal(found["literal"])


def origin_of(uri: str) -> str:
    """Scheme and authority of a URI; empty where it has no authority."""
    found = _URI.fullmatch(uri)
    if found is None or found["authority"] is None:
        return ""
    return f"{found['scheme'].lower()}://{found['authority'].lower()}"


def instant_ns(text: str) -> int | None:
    """Nanoseconds since 1970 of an RFC 3339 date-time; None where it is none."""
    found = _DATE_TIME.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (
        int(found[name]) for name in ("year", "month", "day", "hour", "minute", "second")
    )
    off_hour, off_minute = int(found["off_hour"] or 0), int(found["off_minute"] or 0)
    # A leap second is told as 60; it counts as the first second after it.
    if hour > 23 or minute > 59 or second > 60 or off_hour > 23 or off_minute > 59:
        return None
    try:
        date(year, month, day)
    except ValueError:
        return None
    seconds = timegm((year, month, day, hour, minute, second))
    offset_s = (off_hour * 60 + off_minute) * 60 * (-1 if found["sign"] == "-" else 1)
    return (seconds - offset_s) * NANOSECONDS + int((found["fraction"] or "0").ljust(9, "0"))


def _is_literal(literal: str | None) -> bool:
    """Whether what stands in brackets, if anything does, is an IPv6 address or of the future."""
    if literal is None or literal[0] in "vV":
        return True
    try:
        IPv6Address(literal)
    except AddressValueError:
        return False
    return True
