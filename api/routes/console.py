"""The page on which anyone verifies a bundle: static files of `api/console`, nothing else.

The page needs no connection, and the policy that comes with it lets it make none: what a visitor
chooses there is read by the visitor's browser alone.
"""

from pathlib import Path

from fastapi import APIRouter, Response

from api.errors import NotFound

router = APIRouter(prefix="/console", include_in_schema=False)

_DIRECTORY = Path(__file__).parents[1] / "console"
_SCRIPT = "text/javascript; charset=utf-8"
FILES = {
    "verify": ("verify.html", "text/html; charset=utf-8"),
    "verify.css": ("verify.css", "text/css; charset=utf-8"),
    "verify.js": ("verify.js", _SCRIPT),
    "verify_page.js": ("verify_page.js", _SCRIPT),
}
"""File and media type by the name that is asked for; no other path reaches the disk."""

HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@router.get("/{name}")
def show_file(name: str) -> Response:
    """One file of the page."""
    if name not in FILES:
        raise NotFound(f"the console has no {name!r}", field="name", value=name)
    file, media_type = FILES[name]
    return Response((_DIRECTORY / file).read_bytes(), headers=HEADERS, media_type=media_type)
