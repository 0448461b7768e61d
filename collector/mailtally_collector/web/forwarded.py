"""Behind a proxy: who really asks, by which scheme and host.

Takes     X-Forwarded-For, -Proto and -Host, from the proxies of ``web.trusted_proxies`` alone; from
          anybody else they mean nothing, for anybody can write them. Of X-Forwarded-For the last
          address counts that is not such a proxy: what stands before it the client wrote.
"""

import ipaddress
import re
from collections.abc import Sequence

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
NAMES = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host")
HOST = re.compile(r"[A-Za-z0-9._-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")


class Forwarded:
    """Middleware around everything else."""

    def __init__(self, app: ASGIApp, trusted: Sequence[Network]) -> None:
        self._app = app
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Put what the proxy says in the place of what the connection says."""
        if scope["type"] == "http":
            scope = dict(scope)
            headers = MutableHeaders(raw=list(scope["headers"]))
            said = {name: ", ".join(headers.getlist(name)) for name in NAMES}
            for name in NAMES:
                del headers[name]
            if self._is_trusted((scope.get("client") or ("", 0))[0]):
                if client := self._client(said["x-forwarded-for"]):
                    scope["client"] = (client, 0)
                if said["x-forwarded-proto"] in {"http", "https"}:
                    scope["scheme"] = said["x-forwarded-proto"]
                if HOST.fullmatch(said["x-forwarded-host"]):
                    headers["host"] = said["x-forwarded-host"]
            scope["headers"] = headers.raw
        await self._app(scope, receive, send)

    def _is_trusted(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        parsed = getattr(parsed, "ipv4_mapped", None) or parsed
        return any(parsed in network for network in self._trusted)

    def _client(self, listed: str) -> str:
        """The last address that is not a proxy of ours; "" when there is none to be believed."""
        for part in reversed(listed.split(",")):
            address = part.strip()
            try:
                ipaddress.ip_address(address)
            except ValueError:
                return ""
            if not self._is_trusted(address):
                return address
        return ""
