"""The command ``mailtally``: a gRPC client that shows what the collector knows.

app.py has the commands; each has a module of its name. Log text is hostile: terminal.py escapes it.
"""

from mailtally_collector.query_cli.app import app, main

__all__ = ["app", "main"]
