"""The web server: a thread with a loop of its own, so that pages do not wait for agents.

Gives     ``WebServer``: binds at once, serves between ``start`` and ``stop``.
Limits    Handlers run in HANDLERS threads, each with a read connection; what is asked beyond that
          waits. An answer under way when the collector stops has STOP_SECONDS.
"""

import asyncio
import logging
import socket
import ssl
import threading
from pathlib import Path

import uvicorn
from anyio import to_thread
from starlette.applications import Starlette

from mailtally_collector.serving import PortError

logger = logging.getLogger(__name__)

# Fewer than the connections for reading that a database gives (store/database.py).
HANDLERS = 6
STOP_SECONDS = 3
CONNECTIONS_MAX = 500
KEEP_ALIVE_SECONDS = 15


class WebServer:
    """Serves one application at HOST:PORT. Raises PortError, or OSError for a file."""

    def __init__(
        self, app: Starlette, address: str, certificate: tuple[Path, Path] | None = None
    ) -> None:
        self._socket = bound(address)
        config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            proxy_headers=False,
            server_header=False,
            access_log=False,
            log_config=None,
            limit_concurrency=CONNECTIONS_MAX,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=STOP_SECONDS,
            ssl_certfile=certificate[0] if certificate else None,
            ssl_keyfile=certificate[1] if certificate else None,
        )
        try:
            config.load()
        except (OSError, ssl.SSLError) as error:
            self._socket.close()
            raise PortError(f"the certificate and key of [web] cannot be used: {error}") from error
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="web")
        self.port = int(self._socket.getsockname()[1])

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Answer what is under way, then end; blocks until then."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        to_thread.current_default_thread_limiter().total_tokens = HANDLERS
        await self._server.serve(sockets=[self._socket])


def bound(address: str) -> socket.socket:
    """Take the port. Raises PortError."""
    host, _, port = address.rpartition(":")
    name = host.strip("[]")
    family = socket.AF_INET6 if ":" in name else socket.AF_INET
    try:
        return socket.create_server((name, int(port)), family=family, backlog=CONNECTIONS_MAX)
    except OSError as error:
        raise PortError(
            f"{address} cannot be listened on for the web (web.address): {error.strerror or error}"
        ) from error
