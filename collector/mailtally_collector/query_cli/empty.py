"""Why an answer is empty."""

from mailtally.v1 import query_pb2
from mailtally.v1.query_pb2_grpc import QueryServiceStub
from mailtally_collector.query_cli.filter import Question
from mailtally_collector.query_cli.time_range import moment_of, shown

NO_AGENT = "no agent has reported yet"


def why_empty(
    stub: QueryServiceStub, asked: Question, timeout: float, what: str = "no mail"
) -> str:
    """Say whether agents, the named servers, or only mail within the range are missing.

    ``timeout`` in seconds. Raises grpc.RpcError.
    """
    servers = stub.ListServers(query_pb2.ListServersRequest(), timeout=timeout).servers
    if not servers:
        return NO_AGENT
    known = {server.name for server in servers}
    unknown = [name for name in asked.selection.server or () if name not in known]
    if unknown:
        return (
            f"no server of the name {' or '.join(unknown)} has reported; "
            f"known are {', '.join(sorted(known))}"
        )
    newest = [
        moment for server in servers if (moment := moment_of(server, "newest_line", asked.zone))
    ]
    seen = (
        f"; the newest log line is of {shown(max(newest))}" if newest else "; no log line is stored"
    )
    return f"{what}: {asked.words()}{seen}"
