"""The token that stands for a person, on every call."""

import ipaddress
from collections.abc import Callable
from typing import Any, NamedTuple

import grpc

HEADER = "authorization"


class _Details(NamedTuple):
    """What grpc tells of a call; it has no class of its own to make one of."""

    method: str
    timeout: float | None
    metadata: Any
    credentials: Any
    wait_for_ready: bool | None
    compression: Any


class WithToken(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    """Adds it to the metadata."""

    def __init__(self, token: str) -> None:
        self._metadata = (HEADER, f"Bearer {token}")

    def intercept_unary_unary(
        self, continuation: Callable[..., Any], client_call_details: Any, request: Any
    ) -> Any:
        """Ask for one answer."""
        return continuation(self._with(client_call_details), request)

    def intercept_unary_stream(
        self, continuation: Callable[..., Any], client_call_details: Any, request: Any
    ) -> Any:
        """Ask for many."""
        return continuation(self._with(client_call_details), request)

    def _with(self, call: Any) -> _Details:
        return _Details(
            *(call.method, call.timeout, [*(call.metadata or ()), self._metadata]),
            *(call.credentials, call.wait_for_ready, call.compression),
        )


def stays_here(address: str) -> bool:
    """Whether what is said to this address leaves the host at no time."""
    if address.startswith("unix:"):
        return True
    host = address.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
