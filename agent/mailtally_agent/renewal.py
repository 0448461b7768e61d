"""The next certificate, asked for with the present one before it ends."""

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import grpc

from mailtally.v1 import enrollment_pb2 as pb
from mailtally.v1.enrollment_pb2_grpc import RenewalServiceStub
from mailtally_agent.config import Config
from mailtally_agent.connection import Link
from mailtally_agent.identity import Identity, keep_identity

if TYPE_CHECKING:
    from mailtally.v1.enrollment_pb2_grpc import RenewalServiceAsyncStub

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 15.0
# Clocks may be set meanwhile.
LOOK_SECONDS = 3_600.0
AGAIN_SECONDS = 60.0


async def renew_when_due(config: Config, link: Link, clock: Callable[[], int]) -> None:
    """Wait until the certificate is to be renewed, and return when the next one is kept.

    Waits for ever when the identity is not one of ours. What fails is logged and tried again.
    """
    while True:
        identity = link.identity
        if identity is None:
            await asyncio.sleep(LOOK_SECONDS)
            continue
        left = (identity.renewal_us - clock()) / 1_000_000
        if left > 0:
            await asyncio.sleep(min(left, LOOK_SECONDS))
            continue
        try:
            renewed = await _renew(await link.channel())
            keep_identity(config.state_dir, renewed)
        except (grpc.aio.AioRpcError, OSError) as error:
            why = error.details() if isinstance(error, grpc.aio.AioRpcError) else str(error)
            logger.warning('certificate not renewed yet why="%s"', why)
            await asyncio.sleep(AGAIN_SECONDS)
            continue
        logger.info("certificate renewed server=%s", renewed.server)
        return


async def _renew(channel: grpc.aio.Channel) -> Identity:
    # Costs a tenth of a second and some megabytes, every two months.
    from mailtally_agent.certificate_request import identity_of, new_key  # noqa: PLC0415

    key = new_key()
    stub = cast("RenewalServiceAsyncStub", RenewalServiceStub(channel))
    request = pb.RenewRequest(certificate_request=key.request)
    answer = await stub.Renew(request, timeout=ANSWER_SECONDS)
    return identity_of(key, answer.issued)
