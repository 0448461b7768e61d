"""The end of a simulated process."""


class Killed(BaseException):
    """The process is killed here: nothing of it catches this."""
