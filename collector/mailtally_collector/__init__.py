"""The mailtally collector: stores what agents report and answers questions about it."""

__version__ = "0.1.0"
