"""What `quittance db` shows of the database that it brings up to date."""

import pytest
from sqlalchemy import make_url

from scripts.cli.schema import shown_url

SHOWN = {
    "postgresql://u:secret@h/d": "postgresql://u:***@h/d",
    "postgresql://h/d?user=u&password=secret": "postgresql://h/d?user=u&password=***",
    "postgresql://h/d?sslpassword=secret": "postgresql://h/d?sslpassword=***",
    "postgresql:///d?host=/run/postgres": "postgresql:///d?host=/run/postgres",
}


@pytest.mark.parametrize(("url", "expected"), SHOWN.items())
def test_shown_url__wherever_the_password_stands__hidden(url: str, expected: str) -> None:
    assert make_url(shown_url(make_url(url))) == make_url(expected)
