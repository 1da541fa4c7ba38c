"""What must not leak from the database: its file to others here, and its values to the logs."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from tests import factories as make
from tests.databases import migrate
from tracker.db import Database


def test_nobody_else_on_the_machine_reads_the_embedded_database(tmp_path: Path) -> None:
    migrate(f"sqlite:///{tmp_path}/tracker.db")
    database = Database(f"sqlite:///{tmp_path}/tracker.db")
    with database.session(write=True) as session:
        make.actor(session)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    database.dispose()
    assert set(modes) == {"tracker.db", "tracker.db-wal", "tracker.db-shm"}
    assert set(modes.values()) == {0o600}


def test_an_error_names_the_statement_but_no_values(database: Database) -> None:
    with database.session(write=True) as session:
        make.user(session, email="kari@ks.example")
        with pytest.raises(IntegrityError, match="INSERT INTO users") as caught:
            make.user(session, email="kari@ks.example", password_hash="a digest")
        session.rollback()
    assert "a digest" not in str(caught.value)
