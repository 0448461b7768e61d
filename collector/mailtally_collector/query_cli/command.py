"""Puts option groups on commands, and ends commands politely.

Typer reads options from a function's parameters. A command of ``mailtally`` takes whole groups
(options.py) instead of some twenty parameters each; here a group becomes its fields.
"""

import errno
import functools
import inspect
import io
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, fields, is_dataclass
from typing import Any

import typer


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Replace each parameter that is annotated with a dataclass by that class's fields.

    The field's annotation has to be Annotated[…, typer.Option(…)]. No two groups may share a field
    name. The result takes keyword arguments only and ends as ``polite_end`` says.
    """
    own = inspect.signature(function).parameters
    groups: dict[str, type[Any]] = {
        name: p.annotation
        for name, p in own.items()
        if isinstance(p.annotation, type) and is_dataclass(p.annotation)
    }

    @functools.wraps(function)
    def run(**options: object) -> None:
        values = {
            name: group(**{field.name: options.pop(field.name) for field in fields(group)})
            for name, group in groups.items()
        }
        with polite_end():
            function(**values, **options)

    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        list(_parameters(own, groups))
    )
    return run


def _parameters(
    own: Mapping[str, inspect.Parameter], groups: Mapping[str, type[Any]]
) -> Iterator[inspect.Parameter]:
    for name, parameter in own.items():
        if name not in groups:
            yield parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            continue
        for field in fields(groups[name]):
            yield inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if field.default is MISSING else field.default,
                annotation=field.type,
            )


@contextmanager
def polite_end() -> Iterator[None]:
    """Write UTF-8, flush, and leave quietly when the reader of stdout has left (``| head``).

    A terminal keeps its own encoding: UTF-8 bytes mean something else to one that is set to
    ISO 8859, down to terminal commands. Raises typer.Exit: 0 for a reader that left, 1 for a full
    disk.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        encoding = sys.stdout.encoding if sys.stdout.isatty() else "utf-8"
        sys.stdout.reconfigure(encoding=encoding, errors="backslashreplace")
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        _abandon_stdout()
        raise typer.Exit(0) from None
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        _abandon_stdout()
        sys.stderr.write(f"mailtally: the answer could not be written: {error.strerror}\n")
        raise typer.Exit(1) from None


def _abandon_stdout() -> None:
    # The interpreter flushes once more when it ends; let that go nowhere.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
