"""One program of the log, as ``<host> <program>[<pid>`` names it, and what is known of it."""

from collections.abc import Mapping
from typing import Any

from mailtally_agent.message import Message
from mailtally_agent.postfix.event import DeliveryLogged, TlsLine

NO_SHAPES: Mapping[str, Any] = {}


class Origin:
    """A process that writes lines.

    shapes      what its lines about messages do, by their first four characters (transition.py);
                empty for programs other than Postfix
    opened      messages of its instance, by queue id; shared with the instance's other processes
    silent      nothing but its shapes is of interest
    tls         the TLS session with a next hop of which it told last
    tls_user    queue id of the message that the session carried last; empty before the first
    """

    __slots__ = ("daemon", "instance", "name", "opened", "shapes", "silent", "tls", "tls_user")

    def __init__(
        self,
        name: str,
        instance: str,
        daemon: str,
        shapes: Mapping[str, Any],
        opened: dict[str, Message],
        *,
        silent: bool,
    ) -> None:
        """Describe the process that writes as name."""
        self.name = name
        self.instance = instance
        self.daemon = daemon
        self.shapes = shapes
        self.opened = opened
        self.silent = silent
        self.tls: TlsLine | None = None
        self.tls_user = ""

    def begin_tls(self, tls: TlsLine) -> None:
        """A session with a next hop begins."""
        self.tls, self.tls_user = tls, ""

    def use_tls(self, queue_id: str, delivery: DeliveryLogged) -> TlsLine | None:
        """The session that carried a delivery: of this message, or over a connection used again."""
        tls = self.tls
        if tls is not None and tls.subject.endswith(delivery.relay):
            user = self.tls_user
            if not user or user == queue_id or delivery.measures.startswith("conn_use="):
                self.tls_user = queue_id
                return tls
        self.tls = None
        return None
