"""What the tools say of the whole repository: lint, types, import contracts, generated code."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
        ["lint-imports", "--no-cache"],
        ["codespell"],
    ],
    ids=" ".join,
)
def test_tool_finds_nothing(command: list[str]) -> None:
    done = subprocess.run(
        [BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_generated_code_is_what_the_generator_makes(tmp_path: Path) -> None:
    subprocess.run([ROOT / "proto" / "generate", tmp_path], check=True, capture_output=True)

    made = {path.name: path.read_text() for path in (tmp_path / "mailtally" / "v1").iterdir()}
    committed = {
        path.name: path.read_text()
        for path in (ROOT / "proto" / "mailtally" / "v1").glob("*_pb2*.py*")
    }
    assert committed == made


def test_pinned_requirements_name_no_host() -> None:
    for name in ("requirements.txt", "proto/requirements.txt"):
        text = (ROOT / name).read_text()
        assert "--hash=sha256:" in text
        assert "://" not in text
