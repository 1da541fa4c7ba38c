from __future__ import annotations

from sqlalchemy import text

from tests.client import Client
from tracker.db import Database


def test_a_node_with_its_database_is_healthy(client: Client) -> None:
    response = client.get("/healthz")
    assert response.status_code == 200
    assert response.json == {"status": "ok"}


def test_a_node_whose_database_fails_is_not(client: Client, database: Database) -> None:
    with database.session(write=True) as session:
        session.execute(text("DROP TABLE installation"))
    response = client.get("/healthz")
    assert response.status_code == 503
    assert response.json == {"status": "database"}
