import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from api.routes.console import FILES
from tests.api_client import APIClient, api_without_database, problem_of

CONSOLE = Path(__file__).parents[3] / "api" / "console"


@pytest.fixture(scope="module")
def api() -> Iterator[APIClient]:
    """An app whose database is not there."""
    with api_without_database() as client:
        yield client


class Page(HTMLParser):
    """Every tag with its attributes, and the text of styles and scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inline = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] in ("script", "style"):
            self.inline += data.strip()


def page() -> Page:
    read = Page()
    read.feed((CONSOLE / "verify.html").read_text())
    return read


@pytest.mark.parametrize("name", FILES)
def test_console__file__as_it_stands_under_the_policy(name: str, api: APIClient) -> None:
    file, media_type = FILES[name]

    answer = api.get(f"/console/{name}")

    assert answer.status_code == 200
    assert answer.content == (CONSOLE / file).read_bytes()
    assert answer.headers["content-type"] == media_type
    policy = dict(
        one.strip().split(" ", 1) for one in answer.headers["content-security-policy"].split(";")
    )
    assert policy.pop("default-src") == "'none'"
    assert set(policy.values()) == {"'self'", "'none'"}
    assert "connect-src" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ["package.json", "verify.html", "..%2fapp.py", "%2e%2e/app.py"])
def test_console__another_name__not_found(name: str, api: APIClient) -> None:
    status, slug, _ = problem_of(api.get(f"/console/{name}"))

    assert (status, slug) in {(404, "not-found"), (404, "no-such-route")}


def test_page__links__served_and_of_this_host() -> None:
    attributes = [(tag, found) for tag, one in page().tags for found in one.items()]
    links = {value for _, (name, value) in attributes if name in ("src", "href")}
    modules = {
        module
        for script in ("verify.js", "verify_page.js")
        for module in re.findall(r'from "\./([^"]+)";\n\n', (CONSOLE / script).read_text())
    }

    assert links == {"verify.css", "verify_page.js"}
    assert modules == {"verify.js"}
    assert links | modules <= set(FILES)


def test_page__markup__nothing_that_a_policy_would_stop() -> None:
    read = page()
    names = {name for _, attributes in read.tags for name in attributes}

    assert read.inline == ""
    assert not {name for name in names if name.startswith("on") or name == "style"}
    [policy] = [
        attributes["content"]
        for tag, attributes in read.tags
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")


def test_scripts__no_html_from_text_and_no_connection() -> None:
    for name in ("verify.js", "verify_page.js"):
        source = (CONSOLE / name).read_text()
        forbidden = r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|new Function"
        assert re.findall(rf"{forbidden}|fetch\(|XMLHttpRequest|WebSocket|sendBeacon", source) == []


def test_page__ids__those_that_the_script_asks_for() -> None:
    ids = {attributes["id"] for _, attributes in page().tags if "id" in attributes}
    source = (CONSOLE / "verify_page.js").read_text()
    asked = set(re.findall(r'\bat\("(\w+)"\)', source))
    for names in re.findall(r"for \(const id of \[([^\]]+)\]\)", source):
        asked |= set(re.findall(r'"(\w+)"', names))

    assert asked <= ids
