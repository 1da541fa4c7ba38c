"""tests/setup.sh: Debian's packages may be held by another program meanwhile."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "setup.sh"
HELD = "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)"
# Fails as often as the file `fail` has lines, each time with the next of them.
APT_GET = """
here=${0%/*}
echo "$*" >>"$here/asked"
IFS= read -r error <"$here/fail" || exit 0
tail -n +2 "$here/fail" >"$here/rest" && mv "$here/rest" "$here/fail"
echo "$error" >&2
exit 100
"""


@pytest.fixture
def debian(tmp_path: Path) -> Path:
    """A folder with all the programs that the script finds: apt-get, root's id, and no Chromium."""
    programs = {"apt-get": APT_GET, "id": "echo 0", "sleep": 'echo "$*" >>"${0%/*}/slept"'}
    for name, text in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    for name in ("dirname", "grep", "ls", "mv", "seq", "tail"):
        found = shutil.which(name)
        assert found
        (tmp_path / name).symlink_to(found)
    (tmp_path / "fail").touch()
    return tmp_path


def set_up(debian: Path) -> tuple[int, str, list[str]]:
    """Run the script; return its exit code, what it said and what apt-get was asked for."""
    done = subprocess.run(
        ["/bin/sh", SCRIPT], env={"PATH": str(debian)}, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr, (debian / "asked").read_text().splitlines()


def test_the_setup_installs_without_a_word_about_locks_that_nobody_holds(debian: Path) -> None:
    code, said, asked = set_up(debian)
    assert code == 0
    assert "Waiting" not in said
    assert [words.split()[4] for words in asked] == ["update", "install"]
    assert asked[1].endswith(" chromium")


def test_the_setup_waits_for_a_lock_that_is_held_and_says_who_holds_it(debian: Path) -> None:
    (debian / "fail").write_text(f"{HELD}\n" * 3)
    code, said, asked = set_up(debian)
    assert code == 0
    assert said.count("Waiting up to five minutes") == 1
    assert HELD in said
    assert [words.split()[4] for words in asked] == ["update"] * 4 + ["install"]
    assert ["DPkg::Lock::Timeout=300" in words for words in asked[:4]] == [False, True, True, True]
    assert (debian / "slept").read_text() == "1\n" * 3


def test_the_setup_gives_up_on_a_lock_that_is_held_for_ever(debian: Path) -> None:
    (debian / "fail").write_text(f"{HELD}\n" * 1000)
    code, said, _ = set_up(debian)
    assert code != 0
    assert said.rstrip().endswith(HELD)
    assert (debian / "slept").read_text() == "1\n" * 300


def test_the_setup_waits_for_nothing_where_the_packages_cannot_be_had(debian: Path) -> None:
    error = "E: Unable to locate package chromium"
    (debian / "fail").write_text(f"{error}\n")
    code, said, asked = set_up(debian)
    assert (code != 0, len(asked)) == (True, 1)
    assert error in said
    assert not (debian / "slept").exists()
