"""Requests to the served application without a browser."""

import http.client
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from tests.web.serving import HEADER


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; ``headers`` in small letters."""

    status: int
    headers: dict[str, str]
    text: str


def get(site: str, address: str, viewer: str = "admin") -> Answer:
    return _ask(site, "GET", address, viewer)


def post(site: str, address: str, viewer: str = "admin", **fields: str) -> Answer:
    """Send a form as a page of the site does."""
    return _ask(site, "POST", address, viewer, urlencode(fields))


def _ask(site: str, method: str, address: str, viewer: str, body: str = "") -> Answer:
    parts = urlsplit(site)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    headers = {HEADER: viewer}
    if method == "POST":
        headers |= {"Origin": site, "Content-Type": "application/x-www-form-urlencoded"}
    try:
        connection.request(method, address, body or None, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, found, text)
    finally:
        connection.close()
