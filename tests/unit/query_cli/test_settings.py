"""Environment, colours, time zones, TLS, help."""

import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from typer.testing import CliRunner

from mailtally_collector import __version__
from mailtally_collector.query_cli import app
from tests.unit.query_cli.canned import Canned, serving
from tests.unit.query_cli.running import run, run_process
from tests.unit.query_cli.samples import ordinary

COMMANDS = ("stats", "reasons", "events", "trace", "servers")


def test_a_pipe_gets_no_colour_and_no_width(canned: Canned) -> None:
    ended = run_process(canned.address, "events", COLUMNS="20", FORCE_COLOR="1")

    assert ended.code == 0, ended.err
    assert "\x1b" not in ended.out
    assert len(ended.out.splitlines()) == 2


def test_color_always_colours_a_pipe_and_wins_over_no_color(canned: Canned) -> None:
    ended = run_process(canned.address, "events", "--color", "always", NO_COLOR="1")

    assert "\x1b[31mbounced\x1b[0m" in ended.out


def test_output_is_utf_8_in_any_locale(canned: Canned) -> None:
    canned.events[0].recipient = "jürgen@example.net".encode()

    ended = run_process(
        canned.address, "events", LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0"
    )

    assert "jürgen@example.net" in ended.out


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("Asia/Kathmandu", "2026-11-03 18:50:09+05:45"),
        (":America/New_York", "2026-11-03 08:05:09-05:00"),
        ("/usr/share/zoneinfo/Asia/Tokyo", "2026-11-03 22:05:09+09:00"),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-11-03 13:05:09+00:00"),
    ],
)
def test_times_are_in_the_zone_of_tz(canned: Canned, zone: str, shown: str) -> None:
    assert run(canned, "events", TZ=zone).out.splitlines()[1].startswith(shown)


def test_mutual_tls(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    options = "-x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost"
    files = f"-addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {certificate}"
    command = ["openssl", "req", *options.split(), *files.split()]
    subprocess.run(command, check=True, capture_output=True)
    credentials = grpc.ssl_server_credentials(
        [(key.read_bytes(), certificate.read_bytes())],
        root_certificates=certificate.read_bytes(),
        require_client_auth=True,
    )
    variables = {
        "MAILTALLY_CA_FILE": str(certificate),
        "MAILTALLY_CERTIFICATE_FILE": str(certificate),
        "MAILTALLY_KEY_FILE": str(key),
    }
    with serving(ordinary(), credentials) as canned:
        assert run_process(canned.address, "servers", **variables).code == 0
        plain = run_process(canned.address, "servers")
        assert (plain.code, len(plain.err.splitlines())) == (3, 1)
        del variables["MAILTALLY_CERTIFICATE_FILE"]
        assert run_process(canned.address, "servers", **variables).code == 2


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_text_for_every_option_and_examples(command: str) -> None:
    ended = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "120"})

    assert ended.exit_code == 0
    assert f"mailtally {command}" in ended.stdout
    assert "Example" in ended.stdout
    assert "MAILTALLY_COLLECTOR" in ended.stdout


def test_version() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout == f"mailtally {__version__}\n"


def test_the_command_line_loads_without_grpc() -> None:
    code = "import sys, mailtally_collector.query_cli; assert 'grpc' not in sys.modules"

    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
