"""The files of others are exactly those that the lock file and the checksums name."""

import hashlib
import json
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT / "tracker/static/vendor", ROOT / "tests/vendor")


def _recorded() -> dict[str, str]:
    lines = (ROOT / "frontend/SHA256SUMS").read_text().splitlines()
    return {path: digest for digest, path in (line.split(maxsplit=1) for line in lines)}


def test_every_vendored_file_has_its_recorded_checksum() -> None:
    found = {
        path.relative_to(ROOT).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in FOLDERS
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert found == _recorded()


def test_the_lock_file_pins_exact_versions_with_integrity_and_names_no_host() -> None:
    manifest = json.loads((ROOT / "frontend/package.json").read_text())
    lock = json.loads((ROOT / "frontend/package-lock.json").read_text())
    packages = {
        name.removeprefix("node_modules/"): package
        for name, package in lock["packages"].items()
        if name
    }
    assert {name: packages[name]["version"] for name in manifest["dependencies"]} == manifest[
        "dependencies"
    ]
    for package in packages.values():
        assert package["integrity"].startswith("sha512-")
        assert "resolved" not in package


def test_every_vendored_package_carries_its_licence() -> None:
    licences = {path for path in _recorded() if path.endswith("LICENSE")}
    assert licences == {
        "tests/vendor/axe.LICENSE",
        "tracker/static/vendor/designsystemet/LICENSE",
        "tracker/static/vendor/inter/LICENSE",
    }
