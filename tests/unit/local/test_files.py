"""Files that are there whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from degradation_operator.local.files import swap, write_whole


def listing(directory: Path) -> dict[str, str]:
    return {p.name: p.read_text() for p in directory.iterdir() if not p.name.startswith(".")}


def test_a_swap_changes_all_files_together_and_leaves_nothing_behind(tmp_path: Path) -> None:
    swap(tmp_path, {"level": "1", "name": "OPTIMAL"})
    first = (tmp_path / "..data").readlink()
    swap(tmp_path, {"level": "2", "name": "DEGRADED"})
    assert listing(tmp_path) == {"level": "2", "name": "DEGRADED"}
    assert (tmp_path / "..data").readlink() != first
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        ["..data", (tmp_path / "..data").readlink().name, "level", "name"]
    )
    assert str((tmp_path / "level").readlink()) == "..data/level"


def test_what_a_killed_swap_left_is_cleared(tmp_path: Path) -> None:
    (tmp_path / "..0123").mkdir()
    (tmp_path / "..0123" / "level").write_text("5")
    (tmp_path / "..data_tmp").symlink_to("..0123")
    (tmp_path / "..beef_link").symlink_to("..data/level")
    swap(tmp_path, {"level": "1"})
    assert len(list(tmp_path.iterdir())) == 3  # the link, its folder, the file
    assert listing(tmp_path) == {"level": "1"}


def test_a_file_that_a_person_put_in_the_way_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "level").write_text("mine")
    swap(tmp_path, {"level": "1"})
    assert listing(tmp_path) == {"level": "1"}


def test_a_swap_that_fails_leaves_the_old_files(tmp_path: Path) -> None:
    swap(tmp_path, {"level": "1"})
    with pytest.raises(OSError, match="No such file"):
        swap(tmp_path, {"level": "2", "no/such": "x"})
    assert listing(tmp_path) == {"level": "1"}
    assert len(list(tmp_path.iterdir())) == 3


def test_a_file_is_replaced_whole_and_readable_by_others(tmp_path: Path) -> None:
    path = tmp_path / "state"
    write_whole(path, "old")
    write_whole(path, "new")
    assert (path.read_text(), path.stat().st_mode & 0o777, len(list(tmp_path.iterdir()))) == ("new", 0o644, 1)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "state"
    write_whole(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "\ud800")
    assert (path.read_text(), len(list(tmp_path.iterdir()))) == ("old", 1)
