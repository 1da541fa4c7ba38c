"""The house keeps its shape: imports run one way and no file grows without end."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
import tomllib
from pathlib import Path

from tracker import web

ROOT = Path(__file__).parents[2]
LONGEST_FILE = 450


def test_imports_run_one_way() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rule_that_features_do_not_know_each_other_names_them_all() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    [contract] = [
        contract
        for contract in project["tool"]["importlinter"]["contracts"]
        if contract["name"] == "Web features do not know each other"
    ]
    named = {name.strip("() \n") for name in contract["layers"][0].split("|")}
    features = {f"tracker.web.{m.name}" for m in pkgutil.iter_modules(web.__path__) if m.ispkg}
    assert features <= named


def test_no_file_is_so_long_that_it_asks_to_be_split() -> None:
    long = [
        f"{path.relative_to(ROOT)}: {len(path.read_text().splitlines())}"
        for path in sorted((ROOT / "tracker").rglob("*.py"))
        if len(path.read_text().splitlines()) > LONGEST_FILE
    ]
    assert long == []
