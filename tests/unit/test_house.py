"""The house keeps its shape: imports run one way and no file grows without end."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from pathlib import Path

from tracker import FEATURES, web

ROOT = Path(__file__).parents[2]
LONGEST_FILE = 450


def test_imports_run_one_way() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_feature_of_the_web_is_part_of_the_application() -> None:
    features = {module.name for module in pkgutil.iter_modules(web.__path__) if module.ispkg}
    assert {blueprint.name for blueprint in FEATURES} == features


def test_no_file_is_so_long_that_it_asks_to_be_split() -> None:
    long = [
        f"{path.relative_to(ROOT)}: {len(path.read_text().splitlines())}"
        for path in sorted((ROOT / "tracker").rglob("*.py"))
        if len(path.read_text().splitlines()) > LONGEST_FILE
    ]
    assert long == []
