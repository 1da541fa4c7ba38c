from __future__ import annotations

from collections.abc import Iterator

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import IntegrityError

from tests.databases import count_queries
from tracker.db import Base, Database
from tracker.services import migrations


def revisions() -> list[str]:
    scripts = ScriptDirectory(str(migrations.DIRECTORY))
    return [script.revision for script in reversed(list(scripts.walk_revisions()))]


@pytest.fixture
def empty(empty_database_url: str) -> Iterator[Database]:
    database = Database(empty_database_url)
    yield database
    database.dispose()


def shape(database: Database) -> dict[str, object]:
    """Tables with columns, constraints and indexes, and the triggers, as the database has them."""
    inspector = inspect(database.engine)
    found: dict[str, object] = {}
    for table in sorted(set(inspector.get_table_names()) - {"alembic_version"}):
        found[table] = (
            [(column["name"], str(column["type"]), column["nullable"])
             for column in inspector.get_columns(table)],
            sorted(str(key["name"]) for key in inspector.get_foreign_keys(table)),
            sorted(
                (str(check["name"]), check["sqltext"])
                for check in inspector.get_check_constraints(table)
            ),
            sorted(str(unique["name"]) for unique in inspector.get_unique_constraints(table)),
            sorted(str(index["name"]) for index in inspector.get_indexes(table)),
        )  # fmt: skip
    with database.engine.connect() as connection:
        found["triggers"] = triggers(connection)
    return found


def triggers(connection: Connection) -> list[str]:
    query = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY name",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgname",
    }[connection.dialect.name]
    return [str(name) for name in connection.execute(text(query)).scalars()]


def test_the_tables_are_those_of_the_models(database: Database) -> None:
    assert migrations.differences(database) == []
    assert migrations.is_current(database)


def test_a_missing_column_is_noticed(database: Database) -> None:
    with database.session(write=True) as session:
        session.execute(text("ALTER TABLE sign_in_links DROP COLUMN used_at"))
    assert any("used_at" in line for line in migrations.differences(database))


def test_each_step_down_undoes_its_step_up(empty: Database) -> None:
    for revision in revisions():
        before = shape(empty)
        migrations.upgrade(empty, revision)
        after = shape(empty)
        assert after != before
        migrations.downgrade(empty, "-1")
        assert shape(empty) == before
        migrations.upgrade(empty, revision)
        assert shape(empty) == after
    assert migrations.is_current(empty)


def test_mails_and_sessions_outlive_the_steps_about_access(empty: Database) -> None:
    """Other tables refer to the mails; those of new kinds go when the kinds do."""
    mail = (
        "INSERT INTO outgoing_emails (kind, addressee, message_id, created_at, state,"
        " next_attempt_at, attempts, possibly_duplicate) VALUES"
        " ('{0}', 'user:1', '<{0}>', '2026-01-01', 'sent', '2026-01-01', 0, 0)"
    )
    attempt = (
        "INSERT INTO delivery_attempts (email_id, started_at)"
        " SELECT id, '2026-01-01' FROM outgoing_emails WHERE kind = '{0}'"
    )

    def send(kind: str) -> None:
        with empty.session(write=True) as session:
            session.execute(text(mail.format(kind)))
            session.execute(text(attempt.format(kind)))

    def sent() -> list[str]:
        with empty.session(write=False) as session:
            rows = session.execute(
                text(
                    "SELECT kind FROM outgoing_emails JOIN delivery_attempts"
                    " ON email_id = outgoing_emails.id ORDER BY outgoing_emails.id"
                )
            )
            return [str(kind) for kind in rows.scalars()]

    migrations.upgrade(empty, "0002")
    send("sign_in")
    with pytest.raises(IntegrityError):
        send("password_set")
    migrations.upgrade(empty, "0003")
    send("password_set")
    with pytest.raises(IntegrityError):
        send("nonsense")
    assert sent() == ["sign_in", "password_set"]
    migrations.downgrade(empty, "0002")
    assert sent() == ["sign_in"]
    with pytest.raises(IntegrityError):
        send("password_set")


def test_an_empty_database_is_not_current(empty: Database) -> None:
    assert not migrations.is_current(empty)


def test_a_second_upgrade_changes_nothing(database: Database) -> None:
    with count_queries(database) as seen:
        migrations.upgrade(database)
    assert not [query for query in seen if query.startswith(("CREATE", "ALTER", "DROP"))]


def test_history_has_one_line() -> None:
    scripts = ScriptDirectory(str(migrations.DIRECTORY))
    assert len(scripts.get_heads()) == 1


def test_every_constraint_has_a_name_that_a_migration_can_drop() -> None:
    for table in Base.metadata.sorted_tables:
        for constraint in table.constraints:
            assert constraint.name, f"a constraint of {table.name} has no name"
