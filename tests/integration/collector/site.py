"""A collector with its dashboard, and a browser that keeps cookies and tells its origin."""

import asyncio
import http.client
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from mailtally_collector.config import load_config
from mailtally_collector.daemon import serve
from mailtally_collector.people import register
from mailtally_collector.people.password import hashed
from mailtally_collector.people.register import By
from mailtally_collector.store.database import migrate, open_for_writing
from mailtally_collector.store.location import Location
from mailtally_collector.store.people import person_named
from mailtally_collector.store.sql import Sql
from mailtally_collector.store.transact import Transact, transact_on
from tests.integration.collector.conftest import port_in

COOKIE = "__Host-mailtally"
PASSWORD = "correct horse battery"  # noqa: S105 - of invented people
HASH = hashed(PASSWORD)
BY = By("test", 1)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def location(self) -> str:
        return self.headers["location"]


@dataclass(slots=True)
class Browser:
    """One browser at one site; follows nothing by itself."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, None, headers)

    def post(self, path: str, form: Mapping[str, str], **headers: str) -> Answer:
        """Send a form of a page of the site itself."""
        origin = {"Origin": f"http://127.0.0.1:{self.port}"}
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.ask("POST", path, urlencode(form), origin | kind | headers)

    def sign_in(self, name: str, password: str = PASSWORD, target: str = "/") -> Answer:
        return self.post("/login", {"name": name, "password": password, "next": target})

    def ask(self, method: str, path: str, body: str | None, headers: Mapping[str, str]) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {**self.headers, **headers, **({"Cookie": cookie} if cookie else {})}
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        for line in response.headers.get_all("Set-Cookie", []):
            self._keep(line)
        return Answer(
            response.status, {key.lower(): value for key, value in response.getheaders()}, text
        )

    def _keep(self, line: str) -> None:
        name, _, rest = line.partition("=")
        value = rest.partition(";")[0].strip('"')
        if "Max-Age=0" in line or not value:
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value


def add_person(sql: Sql, name: str, role: str, domains: tuple[str, ...] = ()) -> None:
    """Add somebody who can sign in with PASSWORD."""
    assert register.add(sql, BY, name, role, domains) is not None
    person = person_named(sql, name)
    assert person is not None
    register.choose_password(sql, BY, person, HASH)


@contextmanager
def writing(location: Location) -> Iterator[Transact]:
    """Write to a database beside whatever runs."""
    migrate(location)
    database = open_for_writing(location)
    with database.connection_context():
        yield transact_on(database)


@asynccontextmanager
async def site(location: Location, config: str = "") -> AsyncIterator[Browser]:
    """Run a collector in this process; gives a browser without cookies."""
    stop = asyncio.Event()
    folder = Path(tempfile.mkdtemp())
    file = folder / "collector.toml"
    file.write_text(config)
    named = location if isinstance(location, Path) else location.uri
    settings = load_config(file, listen="127.0.0.1:0", database=str(named), insecure=True)
    task = asyncio.create_task(serve(settings, stop, None, folder / "port"))
    waiting = asyncio.create_task(port_in(folder / "port"))
    try:
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            waiting.cancel()
            await task
        yield Browser(await waiting)
    finally:
        stop.set()
        await task
        shutil.rmtree(folder)


def hidden(text: str, name: str) -> str:
    """The value of a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]*)"', text)
    assert found is not None
    return found[1]
