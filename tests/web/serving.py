"""The real application on a free port, with a stand-in for sign-in that believes a header."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.presence import Presence
from mailtally_collector.query.scope import Scope as MailScope
from mailtally_collector.store.database import close_reading, open_for_reading, open_for_writing
from mailtally_collector.store.transact import transact_on
from mailtally_collector.web.app import build_app
from mailtally_collector.web.viewer import Role, Viewer
from tests.web.believing import believe, cookie
from tests.web.log_lines import HOSTILE_DOMAIN, SERVERS, SPIKE_DOMAIN
from tests.web.stored import NOW_US

HEADER = "x-viewer"
OF_TWO = MailScope.of([SPIKE_DOMAIN.encode(), HOSTILE_DOMAIN.encode()])
VIEWERS = {
    "admin": Viewer("anna", Role.ADMIN, MailScope.everything(), "Europe/Berlin"),
    "support": Viewer("sam", Role.SUPPORT, MailScope.everything()),
    "customer": Viewer("carla", Role.CUSTOMER, OF_TWO),
    "stranger": Viewer("<b>eve</b>", Role.CUSTOMER, MailScope.of([b"quiet.example"])),
}
START_SECONDS = 20


class NamesViewer:
    """Puts the viewer that a header of the request names into its cookie; admin by default."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            named = dict(scope["headers"]).get(HEADER.encode(), b"admin").decode()
            scope["headers"] = [*scope["headers"], cookie(named)]
        await self._app(scope, receive, send)


@contextmanager
def application(path: Path, clock: Callable[[], int] = lambda: NOW_US) -> Iterator[ASGIApp]:
    """The application over a database, with the agents of all servers there."""
    presence = Presence()
    reader, writer = open_for_reading(path), open_for_writing(path)
    lock = threading.Lock()

    def transact(work: Callable[[Any], Any], /) -> Any:
        with lock, writer.connection_context():
            return transact_on(writer)(work)

    streams = [presence.stream(server) for server in SERVERS]
    for stream in streams:
        stream.__enter__()
    try:
        app = build_app(reader, presence, CurrentRules(None), clock, transact=transact)
        believe(app, VIEWERS.get)
        yield NamesViewer(app)
    finally:
        close_reading(reader)


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """Serve it in a thread of this process; gives its address."""
    with closing(socket.socket()) as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", ws="none"))
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        end = time.monotonic() + START_SECONDS
        while not server.started and time.monotonic() < end:
            time.sleep(0.01)
        assert server.started
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(START_SECONDS)
