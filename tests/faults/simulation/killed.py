"""The end of a simulated process."""


class Killed(BaseException):  # noqa: N818 - like KeyboardInterrupt, nothing that a process handles
    """The process is killed here: nothing of it catches this."""
