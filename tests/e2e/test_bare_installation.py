"""What a mail host installs: the wheel without extras runs the agent, and nothing of the rest."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.corpus.bundled import BUNDLED

ROOT = Path(__file__).resolve().parents[2]
NOT_WANTED = ("peewee", "pydantic", "typer", "rich", "starlette", "jinja2", "mailtally_collector")


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a clean environment with ``pip install .`` alone."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    subprocess.run(
        [folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", ROOT],
        check=True,
        timeout=240,
    )
    return folder / "bin"


def test_agent_runs_and_imports_nothing_of_the_collector(bare: Path, tmp_path: Path) -> None:
    helped = subprocess.run(
        [bare / "mailtally-agent", "--help"], capture_output=True, text=True, check=False
    )
    assert helped.returncode == 0
    assert "parse" in helped.stdout

    code = (
        "import sys; from mailtally_agent.cli import main; status = main(sys.argv[2:]);"
        "open(sys.argv[1], 'w').write('\\n'.join(sys.modules)); sys.exit(status)"
    )
    modules = tmp_path / "modules"
    with BUNDLED.log.open("rb") as log:
        parsed = subprocess.run(
            [bare / "python", "-c", code, modules, "parse"],
            stdin=log,
            capture_output=True,
            check=False,
        )
    assert parsed.returncode == 0, parsed.stderr
    assert parsed.stdout.count(b"\n") > 1000
    assert not set(NOT_WANTED) & set(modules.read_text().split())

    config = tmp_path / "agent.toml"
    config.write_text(f"state_dir = '{tmp_path}'\n[collector]\ninsecure = true\n")
    command: list[str | Path] = [bare / "python", "-c", code, modules, "import"]
    command += ["--config", config, "--wait", "0", BUNDLED.log]
    imported = subprocess.run(command, capture_output=True, text=True, check=False)
    assert imported.returncode == 1
    assert "run the same command again to go on" in imported.stderr
    assert not set(NOT_WANTED) & set(modules.read_text().split())


@pytest.mark.parametrize("command", ["mailtally", "mailtally-collector"])
def test_other_commands_say_what_to_install(bare: Path, command: str) -> None:
    done = subprocess.run([bare / command, "--help"], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "pip install 'mailtally[collector]'" in done.stderr
    assert "Traceback" not in done.stderr
