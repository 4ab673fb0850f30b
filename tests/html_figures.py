"""Reads the figures of a close report back out of its page."""

from html.parser import HTMLParser


class Figures(HTMLParser):
    """Named figures of a page, and everything that could load or run something."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, int] = {}
        self.shown: dict[str, str] = {}
        self.suspicious: list[str] = []
        self._open: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in {"script", "link", "img", "iframe", "object", "embed", "use", "image"}:
            self.suspicious.append(tag)
        self.suspicious += [
            name
            for name in values
            if name in {"src", "href", "srcset", "style"} or name[:2] == "on"
        ]
        name = values.get("data-figure")
        self._open = name
        if name is not None:
            assert name not in self.found
            self.found[name] = int(values["data-value"] or "")

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self.shown[self._open] = data
            self._open = None
