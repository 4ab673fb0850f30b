"""What a provider's words say about a failed request for logs.

There is no standard for these words: codes are used for several things each, and a cap is stated
in dozens of wordings. So nothing here knows a provider. A message is read in two ways:

* by what it complains about (results, addresses, requests per second, blocks that it does not
  have, ...), each a pattern of words;
* by the role of each number in it. A number is a cap of blocks if the nearest word before it, or
  the word behind it, speaks of a limit, and its unit, if it has one, is blocks. So the first
  number of "range too large (2000), maximum allowed is 1000 blocks" is none. If several numbers
  are caps, the smallest counts.

Whatever is not understood is not guessed: the answer is `None` or False, and the range is halved.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto

_TEXT_LENGTH_MAX = 2_000
_DATA_DEPTH_MAX = 4
_WORD_MAX = 60
_SUFFIXES = {"thousand": "k", "million": "m"}


class Complaint(Enum):
    """What the words are about, where they are not about the number of blocks."""

    RESULTS = auto()  # too many logs, or too many bytes
    ADDRESSES = auto()
    RATE = auto()
    DATA = auto()  # this node does not have the blocks, or will not serve them to us
    REQUEST = auto()  # what we ask is wrong, or we may not ask it


@dataclass(frozen=True, slots=True)
class Number:
    """A number that a message calls a limit; `is_explicit` if it says that it counts blocks."""

    value: int
    is_explicit: bool


def _any_of(*wordings: str) -> re.Pattern[str]:
    return re.compile("|".join(wordings))


_NUMBER = re.compile(
    r"(?<![\w.,])(?P<digits>\d{1,3}(?:[,_.' \u00a0\u202f]\d{3})+|\d+(?:\.\d{1,2}(?=[km]))?)"
    r"(?P<suffix>[km])?(?![0-9]|\w*\()(?=[^\w]|[a-z]{2}|_|$)"
)
_LIMIT = _any_of(
    r"\bmax", r"\blimit", r"\bcap(?:s|ped)?\b", r"\bat most\b", r"\bup to\b",
    r"\b(?:no|not) more than\b",
    r"\b(?:less|smaller|fewer|lower|greater|larger|more|longer|wider|bigger) than\b", r"\bexceed",
    r"\bover\b", r"\babove\b", r"\bbelow\b", r"\bunder\b", r"\bbeyond\b", r"\bwithin\b",
    r"\ballow", r"\bsupport", r"\bonly\b", r"\brestrict", r"\bpermi(?:t|ss)", r"\bthreshold\b",
    r"\bsmaller\b", r"\breduc", r"\bnarrow", r"\bshrink", r"\bdecrease", r">", r"<=", r"\u2264",
)  # fmt: skip
_LIMIT_BEHIND = re.compile(
    r"[\s-]*(?:blocks?[\s-]*)?(?:range[\s-]*)?(?:is |are )?(?:the )?\(?"
    r"(?:max|limit|cap\b|ceiling|all\b|allowed|permi(?:tted|ssible)|supported|or (?:less|fewer)\b|"
    r"at (?:a time|once|(?:the )?most)\b|(?:per|in one|in each) (?:call|request|query)\b)"
)
_NOT_THE_LIMIT = _any_of(
    r"(?<!of )(?<!max )(?<!maximum )(?<!allowed )\brequested\b", r"\bgot\b", r"\breceived\b",
    r"\basked\b", r"\bactual", r"\bprovided\b", r"\bgiven\b", r"\bspecified\b", r"\bcontain",
    r"\bcurrent(?! limit| max| plan)", r"\bspan(?:s|ned|ning)\b", r"\bcovers\b", r"\bwas\b",
    r"\bfrom\b(?!\s*,)", r"\blatest\b", r"\bhead\b", r"\btip\b", r"\bheight\b", r"\blast\b",
    r"\bearliest\b", r"\boldest\b", r"\bfrontier\b", r"\brecent", r"\bblock number\b",
    r"\bat block\b", r"\bretry\b", r"\btry again\b",
)  # fmt: skip
_BLOCK_UNIT = re.compile(
    r"[\s-]*(?:max(?:imum)? |consecutive |requested )?"
    r"(?:blocks?\b(?! ?(?:/|per) ?(?:s|min|h|d))|range)"
)
_OTHER_UNIT = re.compile(
    r"[\s-]*(?:matching |max(?:imum)? |event |log )?"
    r"(?:results?|logs?|events?|records?|entries|items|rows|receipts?|transactions?|tx|"
    r"bytes?|[kmg]i?b|characters|m(?:illi)?s(?:ec\w*)?|s|secs?|seconds?|mins?|minutes?|hours?|days?|"
    r"requests?|calls?|queries|address(?:es)?|filters?|topics?|contracts?|compute|credits?|cus?|"
    r"gas|rps|tps|times|per (?:second|sec|minute|hour|day))\b|\s*(?:%|/\s*[a-z])"
)
_BLOCK_NOUN = re.compile(r"block|range|distance|\bspan\b|interval")
_OTHER_NOUN = re.compile(
    r"\b(?:results?|logs?|events?|records?|entries|response|bytes|payload|body|address(?:es)?|"
    r"filters|topics?|requests?|calls?|timeout|time|seconds?|duration|units?|credits?|"
    r"connections?|batch)\b"
)
_TOPIC = re.compile(r"block|range|distance|getlogs|\bquery\b")
_FROM_ZERO = re.compile(r"\b[01] ?(?:-|\u2013|to) ?(?=\d)")

_RESULTS = _any_of(
    r"\bmore than [\d,._ ]+[km]? ?(?:\w+ )?(?:results|logs|events|records|entries|items)\b",
    r"\b(?:max\w*|too many|limit of)(?: \w+){0,2} (?:results|logs|events|records|entries)\b",
    r"\b(?:results?|logs|events|records|entries)\b[^.;]{0,40}\b(?:exceed|too (?:large|"
    r"many|big)|limit)",
    r"\bexceed[^.;]{0,40}[\d ](?:results|logs|events|records)\b",
    r"\b(?:response|result|payload|body|answer)(?: set| data|"
    r" body)?(?: size)?\b[^.;]{0,30}\b(?:exceed|too (?:large|big)|greater|larger|limit|"
    r"over)",
    r"\btoo much data\b", r"\b(?:response|result|payload) size\b", r"\bcontent too large\b",
    r"\bentity too large\b",
)  # fmt: skip
_TIMED_OUT = _any_of(
    r"\btime[d-]? ?out\b", r"\bdeadline exceeded\b", r"\btook too long\b", r"\bcancell?ed\b"
)  # fmt: skip
_ADDRESSES = _any_of(
    r"(?:\btoo many|\bnumber of|\bfewer|\bless|\bmore than|\bmax\w*|"
    r"\blimit(?:ed)?(?: of| to| on)?|\bat most|\bup to|\bexceed\w*|"
    r"\d) (?:\w+ ){0,2}?(?:address(?:es)?|filters|contracts)\b",
    r"\b(?:address(?:es)?|filters) (?:\w+ ){0,3}?(?:limit|count|too (?:many|large|long)|"
    r"exceed|max|holds|has \d)",
)  # fmt: skip
_RATE = _any_of(
    r"\brate[ -]?limit", r"\bthrottl",
    r"\btoo many (?:\w+ )?(?:requests?|calls?|connections?)\b",
    r"\brequests? (?:rate|limit|count|quota|per)\b", r"\bcalls? per\b",
    r"/ ?(?:s|sec|second|min|minute)\b",
    r"\bper (?:second|sec|minute)\b", r"\brequests? limited to\b", r"\bcompute units?\b",
    r"\bthroughput\b", r"\bquota\b", r"\bunder too much load\b", r"\boverload",
    r"\bover capacity\b", r"\bserver (?:is )?(?:too )?busy", r"\bslow down\b", r"\bback ?off\b",
    r"\bretry[ -]after\b", r"\bhttp(?: status)?(?: code)?:? 429\b", r"^429\b",
    r"\b(?:retry|try again|wait|come back|refilled|renewed)(?: \w+)?(?: in| after| for)? \d+"
    r"(?:\.\d+)? ?(?:m?s\b|sec|min)",
    r"(?:\bhas|\bhave|'ve) exceeded(?: (?:your|its|their|the)(?: (?!range|block)\w+)?"
    r" (?:capacity|limit)|$)",
    r"\b(?<!memory )(?:rate|capacity) exceeded\b", r"\bcredits? limited\b",
    r"\b[rtq]ps\b", r"\bno servers? (?:is |are )?available\b", r"\bupgrade your tier\b",
)  # fmt: skip
_DATA = _any_of(
    r"\bmissing trie node", r"\bunknown (?:block|header|ancestor)", r"\bprun(?:ed|ing)\b",
    r"\b(?:not|\w+n't)(?: been)?(?: currently| yet| fully){0,2} (?:canonical|synced|"
    r"imported|indexed|processed|produced|mined|retained)",
    r"\bretention\b", r"\bolder than\b", r"\btoo (?:old|far (?:back|behind|in the past))\b",
    r"\bindexing is in progress\b", r"\bno (?:available )?upstreams?\b",
    r"\binvalid block ?(?:hash|height)\b", r"\bheight\b[^.;]{0,20}\binvalid\b",
    r"\bexpect(?:ed)? block number from\b", r"\btrie does not\b", r"\bnot traceable\b",
    r"\bblock (?:number )?(?:is )?out of range\b", r"\bheight must be\b",
    r"\bthan or equal to the current\b",
    r"\b(?:last|recent|latest) [\d,]+ blocks", r"\bunfinali[sz]ed",
    r"\bbeyond (?:the |our )?(?:current |latest |chain |known |canonical )?(?:head|tip|"
    r"latest|block)",
    r"\b(?:greater|higher|larger|later|newer|ahead|exceeds?|above|after)(?: than|"
    r" of)? (?:the )?(?:current |last |chain |our )?(?:latest|head|tip|highest|accepted|"
    r"best|known block)",
    r"\bin the future\b", r"\bfuture block", r"\b(?:still |currently |is )syncing",
    r"\b(?:out of|not in) sync", r"\blagging\b", r"\b(?:falls?|is|blocks) behind\b",
    r"\barchive\b", r"\bhistor(?:y|ical)\b", r"\bancient\b",
    r"\b(?:block|header|height|data|state|range|receipt|log|root|trie|hash|resource|snapshot|"
    r"transaction|body|bodies)s?\b[^.;]{0,80}\b(?:not (?:be |yet )?(?:found|available|exist|"
    r"present|ready|known|retrieved)|doesn'?t exist|unavailable|missing|unknown|cannot be found)",
    r"\b(?:could ?n[o']?t|could not|can ?not|can't|failed to|unable to) (?:find|get|"
    r"load|fetch|retrieve|read|locate)(?: \w+){0,3} (?:\w*block|header|height|data|state|"
    r"receipt|log|hash|transaction)",
    r"\b(?:no|missing) (?:such )?(?:block|header|state|historical|receipts?|data|"
    r"node data)\b",
    r"\bnot have (?:the |this |that )?(?:block|data|state|requested)",
    r"\b(?:not|cannot|can't|\w+n't)\b[^.;]{0,40}\byet\b",
    r"\b(?:no|not|cannot|can't|unable)\b[^.;]{0,40}\bsuitable\b",
    r"\b(?:below|above|outside)(?: \w+){0,2} bounds?\b",
)  # fmt: skip
_BILLING = _any_of(
    r"\bfree[ -]?tier\b", r"\bmonthly\b", r"\bbilling\b", r"\bpayment\b", r"\bpaid plan",
    r"\bsubscription\b", r"\bcredits?\b", r"\binsufficient (?:funds|balance)",
    r"\b(?:current|your|this) plan\b", r"\bupgrade\b", r"\bdeactivated\b", r"\bexpired\b",
)  # fmt: skip
_METHOD_OR_ACCESS = _any_of(
    r"\b(?:method|module|namespace)\b[^.;]{0,60}\b(?:not|\w+n't|disabled|unsupported|"
    r"unknown|blocked)",
    r"\b(?:unsupported|unknown|disabled) (?:rpc )?(?:method|module)", r"\bunauthori[sz]ed",
    r"\bforbidden\b", r"\b(?:access|permission) (?:is )?denied", r"\bapi[ -]?key\b",
    r"\bauthenticat", r"\bnot allowed to access",
    r"\beth \w+ is (?:not (?:allowed|supported|available|enabled)|disabled|unsupported)"
    r"(?! (?:for|in))",
    r"\bproject id\b", r"\bnot enabled for\b", r"\bwhitelist", r"\bnot permitted to\b",
    r"\b(?:invalid|bad|wrong) (?:credentials?|token)\b",
)  # fmt: skip
_REQUEST = _any_of(
    r"\b(?:invalid|bad|wrong|malformed|illegal|incorrect) (?:\w+ )?(?:arg|param|topic|"
    r"address|filter|json|hex|type|input|field|block range|block number|block tag|"
    r"from ?block|to ?block|value|length)",
    r"\binvalid request\b", r"\bcannot unmarshal", r"\bparse error\b",
    r"\bmissing (?:value|required|\w+ param)", r"\bhex string\b", r"\bparam(?:eter)? is required",
    r"\bvalidation errors?\b", r"\bcannot specify\b", r"\bexceeds? (?:the )?max\w* topics\b",
)  # fmt: skip
_REVERSED = re.compile(
    r"\b(?:from ?block|begin|start)\b[^.;]{0,20} "
    r"(?:exceeds?|(?:greater|higher|larger|after)(?: than)?) (?:the )?(?:to ?block|end)\b"
)
_TOO_WIDE = re.compile(
    r"\b(?:range|blocks|distance)\b[^.;]{0,40}(?:too|exceed|limit|threshold|max|large|wide)|"
    r"\b(?:too|exceed|limit|max|large|wide)[^.;]{0,40}\b(?:range|blocks|distance)\b"
)
_SUGGESTS = re.compile(r"\b(?:try|retry|should work|use|suggest\w*|recommend\w*|instead|narrow)\b")
_PLACE = r"(0x[0-9a-f]+|\d+)"
_PAIR = re.compile(
    rf"(?<![\w.,]){_PLACE}\s*(?:,(?!\d{{3}}\b)|-|\u2013|\.\.+|\bto\b|\band\b|\bthrough\b|:)\s*"
    rf"(?:to ?block\s*[:=]?\s*|block\s*)?{_PLACE}(?!\w)"
)
_WAIT = re.compile(
    r"\b(?:retry|try[_ ]again|wait|back ?off|reset|come back|refilled|renewed)[^0-9.;]{0,30}?"
    r"(\d+)(?:\.(\d+))? ?"
    r"(ms|milli|s|m|h)?"
)
_WAIT_KEY = re.compile(r"retry|backoff|try_?again|wait|reset_?(?:in|after)", re.IGNORECASE)
_MS, _SECOND_MS, _MINUTE_MS, _HOUR_MS = 1, 1_000, 60_000, 3_600_000
_UNITS_MS = {
    "ms": _MS, "milli": _MS, "s": _SECOND_MS, "m": _MINUTE_MS, "h": _HOUR_MS, "": _SECOND_MS,
}  # fmt: skip
_FIRST = (
    (_ADDRESSES, Complaint.ADDRESSES),
    (_RATE, Complaint.RATE),
    (_METHOD_OR_ACCESS, Complaint.REQUEST),
    (_DATA, Complaint.DATA),
)
"""Decide before an implicit cap, the first that matches."""
_LAST = ((_BILLING, Complaint.DATA), (_REQUEST, Complaint.REQUEST))
"""Decide if nothing is said about blocks: "invalid request: range too large" is about blocks."""
_CODES = {
    429: Complaint.RATE,
    401: Complaint.REQUEST,
    403: Complaint.REQUEST,
    402: Complaint.DATA,
    -32601: Complaint.REQUEST,
    -32001: Complaint.DATA,
    -39001: Complaint.DATA,
}


def plain(message: str, data: object) -> str:
    """The words of a message and of its data, in lower case and on one line."""
    words = " ; ".join((message, *_strings(data)))[:_TEXT_LENGTH_MAX]
    text = " ".join(re.sub(r"[`\"*]", "", words.lower()).replace("_", " ").split())
    return re.sub(r"(?<=\d) ?(thousand|million)\b", lambda found: _SUFFIXES[found[1]], text)


def complaint(text: str, code: int | None) -> Complaint | None:
    """What the words are about; None if about the number of blocks, or nothing that we know.

    The code decides only where the words do not.
    """
    if _REVERSED.search(text):
        return Complaint.REQUEST
    if any(limit.is_explicit for limit in _limits(text)):
        return None
    if _RESULTS.search(text):
        return Complaint.RESULTS
    if _TIMED_OUT.search(text) and wait_s(text, None) is None:
        return None
    about = next((meaning for words, meaning in _FIRST if words.search(text)), None)
    if about is not None or block_cap(text) is not None or _TOO_WIDE.search(text):
        return about
    about = next((meaning for words, meaning in _LAST if words.search(text)), None)
    return about or _CODES.get(code or 0)


def block_cap(text: str) -> int | None:
    """The number of blocks that the words say one request may span."""
    if not _TOPIC.search(text):
        return None
    return min((limit.value for limit in _limits(text)), default=None)


def address_cap(text: str) -> int | None:
    """The number of addresses that the words say one request may name."""
    addresses = re.sub(r"(?<=\d) (?:\w+ ){0,1}(?:address(?:es)?|filters|contracts)\b", "", text)
    return min((limit.value for limit in _limits(addresses, is_address=True)), default=None)


def suggested_ranges(text: str, data: object) -> Iterator[tuple[int, int]]:
    """The ranges, both ends inclusive, that are suggested instead; first those of `data`."""
    if isinstance(data, Mapping):
        for low, high in (("from", "to"), ("fromBlock", "toBlock"), ("from_block", "to_block")):
            first, last = _place(data.get(low)), _place(data.get(high))
            if first is not None and last is not None:
                yield first, last
    for pair in _PAIR.finditer(text):
        around = text[max(pair.start() - _WORD_MAX, 0) : pair.end() + _WORD_MAX]
        first, last = _place(pair[1]), _place(pair[2])
        if _SUGGESTS.search(around) and first is not None and last is not None:
            yield first, last


def wait_s(text: str, data: object) -> int | None:
    """The seconds, rounded up, that the words or the data tell us to wait."""
    said = [
        f"wait {str(value)[:_WORD_MAX]}{'ms' if key.lower().endswith('ms') else ''}".lower()
        for key, value in _entries(data)
        if _WAIT_KEY.search(key) and not isinstance(value, Mapping | list)
    ]
    found = _WAIT.search(" ; ".join((*said, text)))
    if found is None:
        return None
    whole, fraction, unit = int(found[1]), (found[2] or "")[:3].ljust(3, "0"), found[3] or ""
    thousandths = whole * 1_000 + int(fraction)
    return -(-thousandths * _UNITS_MS[unit] // (1_000 * _SECOND_MS))


def _limits(text: str, *, is_address: bool = False) -> Iterator[Number]:
    """The numbers that are limits, and not limits of something else."""
    text = _FROM_ZERO.sub("", text)
    end = 0
    for found in _NUMBER.finditer(text):
        before, behind = text[end : found.start()], text[found.end() :]
        end = found.end()
        value = _value(found["digits"], found["suffix"])
        limits = list(_LIMIT.finditer(before[-_WORD_MAX:]))
        other = [one.start() for one in _NOT_THE_LIMIT.finditer(before[-_WORD_MAX:])]
        is_limit = bool(limits) and limits[-1].start() > max(other, default=-1)
        if not value or not (is_limit or _LIMIT_BEHIND.match(behind)):
            continue
        spoken = before[-_WORD_MAX:][limits[0].start() :] if is_limit else ""
        has_block_unit = bool(_BLOCK_UNIT.match(behind) or _BLOCK_NOUN.search(spoken))
        if is_address:
            if not _BLOCK_UNIT.match(behind):
                yield Number(value, is_explicit=False)
        elif _BLOCK_UNIT.match(behind) or not (
            _OTHER_UNIT.match(behind) or (_OTHER_NOUN.search(spoken) and not has_block_unit)
        ):
            yield Number(value, has_block_unit)


def _value(digits: str, suffix: str | None) -> int:
    thousands = {"k": 1_000, "m": 1_000_000}.get(suffix or "", 1)
    whole, point, fraction = digits.partition(".")
    if suffix and point and len(fraction) < 3:
        return int(whole) * thousands + int(fraction.ljust(3, "0")) * (thousands // 1_000)
    return int(re.sub(r"\D", "", digits)) * thousands


def _place(value: object) -> int | None:
    """A block number: an integer, or its decimal or hexadecimal digits."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str) or not re.fullmatch(r"(?ai:0x[0-9a-f]{1,16}|\d{1,20})", value):
        return None
    return int(value, 16 if value[:2].lower() == "0x" else 10)


def _entries(data: object, depth: int = 0) -> Iterator[tuple[str, object]]:
    """Every key with its value, down to a few levels."""
    if depth == _DATA_DEPTH_MAX:
        return
    if isinstance(data, Mapping):
        for key, value in data.items():
            yield str(key), value
            yield from _entries(value, depth + 1)
    elif isinstance(data, list):
        for value in data:
            yield from _entries(value, depth + 1)


def _strings(data: object) -> Iterator[str]:
    """The sentences in `data`."""
    values = (data, *(value for _, value in _entries(data)))
    for value in values:
        if isinstance(value, str) and " " in value:
            yield value
