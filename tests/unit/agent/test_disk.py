"""The agent's small files: replaced as a whole, whatever was there before."""

from pathlib import Path

import pytest

from mailtally_agent.source.disk import RealDisk


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.json"
    path.write_bytes(b"a longer content of before")

    RealDisk().replace(str(path), b"new")

    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.json"]


def test_a_folder_that_was_deleted_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "state" / "checkpoint.json"

    RealDisk().replace(str(path), b"new")

    assert path.read_bytes() == b"new"
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(b"a file")

    with pytest.raises(NotADirectoryError):
        RealDisk().replace(str(tmp_path / "state" / "checkpoint.json"), b"new")
