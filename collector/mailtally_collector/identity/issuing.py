"""EnrollmentService and RenewalService: certificates for agents.

Limits    Of a request only the public key is used. The name comes from the invitation, or from
          what the database has for the certificate that is presented. The certificate before stays
          good until its end, so that an agent that loses the answer has not lost its name.
"""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import grpc

from mailtally.v1 import enrollment_pb2 as pb
from mailtally.v1 import enrollment_pb2_grpc
from mailtally_collector.durations import SECOND_US
from mailtally_collector.identity.admission import Admission
from mailtally_collector.identity.authority import Authority, AuthorityError, Issued
from mailtally_collector.identity.certificate import peer_certificate
from mailtally_collector.identity.ledger import DatabaseLedger
from mailtally_collector.refusal import StreamRefusedError
from mailtally_collector.store.writer import StoreUnavailableError

logger = logging.getLogger(__name__)

REQUEST_MAX_BYTES = 16 * 1024
NO_INVITATION = StreamRefusedError(
    grpc.StatusCode.UNAUTHENTICATED,
    "the token was used already, is older than a day, was withdrawn, or is not of this collector;"
    " make another one there: mailtally-collector agents invite NAME",
)
Context = grpc.aio.ServicerContext[Any, Any]


class Issuer:
    """Signs what may be signed, and notes it."""

    def __init__(
        self,
        authority: Authority,
        ledger: DatabaseLedger,
        lifetime: timedelta,
        collectors: Sequence[str],
    ) -> None:
        self._authority = authority
        self._ledger = ledger
        self._lifetime = lifetime
        self._collectors = collectors

    async def enroll(self, request: pb.EnrollRequest) -> pb.IssuedCertificate:
        """Exchange an invitation for a certificate. Raises StreamRefusedError."""
        secret_hash = sha256(request.secret).digest()
        server = await self._ledger.invited_server(secret_hash)
        if server is None:
            raise NO_INVITATION
        if request.server not in ("", server):
            raise StreamRefusedError(
                grpc.StatusCode.FAILED_PRECONDITION,
                f"the token is for {server}, and this agent is configured as {request.server}:"
                " change server in its configuration, or invite that name",
            )
        issued = self._issue(request.certificate_request, server)
        if not await self._ledger.use_invitation(
            secret_hash, issued.fingerprint, server, _us(issued.not_after)
        ):
            raise NO_INVITATION
        logger.info("agent enrolled server=%s until=%s", server, issued.not_after)
        return self._message(server, issued)

    async def renew(self, server: str, request: bytes) -> pb.IssuedCertificate:
        """Make the next certificate of a server. Raises StreamRefusedError."""
        issued = self._issue(request, server)
        await self._ledger.note_certificate(issued.fingerprint, server, _us(issued.not_after))
        logger.info("certificate renewed server=%s until=%s", server, issued.not_after)
        return self._message(server, issued)

    def _issue(self, request: bytes, server: str) -> Issued:
        if len(request) > REQUEST_MAX_BYTES:
            raise StreamRefusedError(
                grpc.StatusCode.INVALID_ARGUMENT, "the certificate request is too long"
            )
        try:
            return self._authority.issue(request, server, datetime.now(UTC), self._lifetime)
        except ValueError as error:
            raise StreamRefusedError(grpc.StatusCode.INVALID_ARGUMENT, str(error)) from error
        except AuthorityError as error:
            raise StreamRefusedError(grpc.StatusCode.FAILED_PRECONDITION, str(error)) from error

    def _message(self, server: str, issued: Issued) -> pb.IssuedCertificate:
        return pb.IssuedCertificate(
            server=server,
            certificate=issued.certificate,
            authority=self._authority.pem,
            not_before_us=_us(issued.not_before),
            not_after_us=_us(issued.not_after),
            collectors=self._collectors,
        )


class EnrollmentService(enrollment_pb2_grpc.EnrollmentServiceServicer):
    """Takes invitations, without client certificates."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer

    async def Enroll(  # noqa: N802 - gRPC names it
        self, request: pb.EnrollRequest, context: Context
    ) -> pb.EnrollResponse:
        """Hand out the first certificate."""
        try:
            return pb.EnrollResponse(issued=await self._issuer.enroll(request))
        except StreamRefusedError as refusal:
            logger.warning('enrolment refused peer=%s reason="%s"', context.peer(), refusal.details)
            await context.abort(refusal.code, refusal.details)
        except StoreUnavailableError as error:
            await context.abort(grpc.StatusCode.UNAVAILABLE, f"the database cannot commit: {error}")


class RenewalService(enrollment_pb2_grpc.RenewalServiceServicer):
    """Takes certificates that are about to end."""

    def __init__(self, issuer: Issuer, admission: Admission) -> None:
        self._issuer = issuer
        self._admission = admission

    async def Renew(  # noqa: N802 - gRPC names it
        self, request: pb.RenewRequest, context: Context
    ) -> pb.RenewResponse:
        """Hand out the next certificate."""
        try:
            known = await self._admission.agent(peer_certificate(context.auth_context()))
            issued = await self._issuer.renew(known.server, request.certificate_request)
            return pb.RenewResponse(issued=issued)
        except StreamRefusedError as refusal:
            logger.warning('renewal refused reason="%s"', refusal.details)
            await context.abort(refusal.code, refusal.details)
        except StoreUnavailableError as error:
            await context.abort(grpc.StatusCode.UNAVAILABLE, f"the database cannot commit: {error}")


def _us(moment: datetime) -> int:
    return int(moment.timestamp()) * SECOND_US
