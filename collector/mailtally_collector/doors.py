"""The ports of a collector, and who may pass: certificates, the authority, enrolment.

Gives     ``Doors``: the server to which services are added, what they ask about who comes
          (``admission``, ``streams``); ``for_people`` for services that may be asked by token; and,
          where the collector is its own authority, the port at which agents enrol.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime

from mailtally.v1.enrollment_pb2_grpc import (
    add_EnrollmentServiceServicer_to_server,
    add_RenewalServiceServicer_to_server,
)
from mailtally_collector.config import Config
from mailtally_collector.identity.admission import Admission
from mailtally_collector.identity.authority import (
    Authority,
    keep_query_credential,
    open_authority,
)
from mailtally_collector.identity.gate import Gate
from mailtally_collector.identity.issuing import EnrollmentService, Issuer, RenewalService
from mailtally_collector.identity.ledger import DatabaseLedger
from mailtally_collector.people.token_gate import TokenGate
from mailtally_collector.serving import certificates_of, listen, new_enrolment_server, new_server
from mailtally_collector.streams import Streams

logger = logging.getLogger(__name__)


class Doors:
    """All ports. To make them reads files; raises AuthorityError, OSError."""

    def __init__(self, config: Config, ledger: DatabaseLedger, clock: Callable[[], int]) -> None:
        self._config = config
        self._ledger = ledger
        self._authority = _authority(config)
        self._certificates = certificates_of(config, self._authority)
        self.streams = Streams()
        self.admission = Admission(
            ledger, self.streams, clock, is_authority=self._authority is not None
        )
        gates = [Gate(self.admission)] if self._certificates else []
        self.server = new_server(self._certificates, gates)
        self.for_people = new_server(self._certificates, [TokenGate()])
        self._enrolment = new_enrolment_server()
        self._watching: asyncio.Task[None] | None = None

    def listen(self) -> str:
        """Bind the ports; the address of the first, with the real port. Raises PortError."""
        address = listen(self.server, self._config.listen.address, self._certificates)
        if self._config.listen.tokens:
            at = listen(
                *(self.for_people, self._config.listen.tokens, self._certificates),
                asks_clients=False,
            )
            logger.info("people ask by token address=%s", at)
        if self._authority:
            self._offer_certificates(self._authority, address.rpartition(":")[2])
        return address

    async def start(self) -> None:
        """Let clients in."""
        self._watching = asyncio.create_task(self.admission.watch())
        await self.server.start()
        await self.for_people.start()
        await self._enrolment.start()

    async def stop(self, seconds: float) -> None:
        """Close the ports, and end after so long what still goes on."""
        if self._watching:
            self._watching.cancel()
        await asyncio.gather(
            self._enrolment.stop(0), self.for_people.stop(seconds), self.server.stop(seconds)
        )

    def _offer_certificates(self, authority: Authority, port: str) -> None:
        config = self._config
        collectors = [bracketed(host) + f":{port}" for host in config.hosts]
        issuer = Issuer(authority, self._ledger, config.identity.lifetime, collectors)
        add_RenewalServiceServicer_to_server(RenewalService(issuer, self.admission), self.server)
        if not config.listen.enrolment_address:
            return
        add_EnrollmentServiceServicer_to_server(EnrollmentService(issuer), self._enrolment)
        at = listen(
            *(self._enrolment, config.listen.enrolment_address, self._certificates),
            asks_clients=False,
        )
        logger.info("agents enrol address=%s", at)


def bracketed(host: str) -> str:
    """Return a host as it stands before a port."""
    return f"[{host}]" if ":" in host else host


def _authority(config: Config) -> Authority | None:
    if not config.has_authority:
        return None
    authority = open_authority(config.identity.folder)
    keep_query_credential(config.identity.folder, authority, datetime.now(UTC))
    return authority
