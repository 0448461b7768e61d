"""Why a stream or a call ends, as gRPC says it."""

import grpc


class StreamRefusedError(Exception):
    """The stream must end with this status; the details tell the operator what to do."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(details)
        self.code = code
        self.details = details
