"""Forms that were sent, how browsers signed in, mails about access; rows of before in the log."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.orm import Session

from tracker.services import audit, audit_rows

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KINDS = "'digest', 'sign_in', 'answer_link', 'test'"
MORE_KINDS = f"{KINDS}, 'password_set', 'address_changed', 'invitation'"
OUTCOMES = "'sent', 'temporary', 'bad_address', 'installation', 'unknown', 'cancelled'"
MORE_OUTCOMES = (
    "'sent', 'temporary', 'bad_address', 'full', 'refused', 'installation', 'unknown', 'cancelled'"
)
ONE_LINE = {
    "actors": ("name",),
    "actor_aliases": ("name",),
    "users": ("name",),
    "status_updates": ("stated_name",),
    "deadline_changes": ("requested_as",),
    "meetings": ("title", "place"),
}
"""Text that stands in a header or a sentence of a mail, where earlier forms let line breaks in."""


def upgrade() -> None:
    op.create_table(
        "submissions",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_submissions")),
    )
    op.create_index("ix_submissions_at", "submissions", ["at"])
    op.add_column("user_sessions", sa.Column("network_address", sa.String(45), nullable=True))
    # In one statement that both databases know: SQLite adds no constraint later.
    op.execute(
        "ALTER TABLE user_sessions ADD COLUMN signed_in_by VARCHAR(40)"
        " CONSTRAINT ck_user_sessions_signed_in_by"
        " CHECK (signed_in_by IN ('password', 'link', 'demonstration'))"
    )
    op.add_column(
        "user_sessions", sa.Column("proven_at", sa.DateTime(timezone=True), nullable=True)
    )
    _change_words("outgoing_emails", "kind", KINDS, MORE_KINDS)
    _change_words("delivery_attempts", "outcome", OUTCOMES, MORE_OUTCOMES)
    _put_on_one_line()

    op.add_column("users", sa.Column("invited_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("users", sa.Column("signed_in_at", sa.DateTime(timezone=True), nullable=True))
    # As far back as sessions are kept.
    op.execute(
        "UPDATE users SET signed_in_at = (SELECT max(created_at) FROM user_sessions"
        " WHERE user_sessions.user_id = users.id)"
    )
    op.add_column("installation", sa.Column("identity", sa.JSON(), nullable=True))
    op.add_column("installation", sa.Column("logo", sa.LargeBinary(), nullable=True))

    note_rows_of_before()


def _put_on_one_line() -> None:
    for name, columns in ONE_LINE.items():
        table = sa.table(name, *(sa.column(column, sa.String) for column in columns))
        for column in table.c:
            for sign in ("\n", "\t"):
                op.execute(
                    table.update()
                    .where(column.contains(sign))
                    .values({column: sa.func.replace(column, sign, " ")})
                )


def downgrade() -> None:
    """Leave the event about rows of before: nothing may take it from the log."""
    added = "kind IN ('password_set', 'address_changed', 'invitation')"
    op.execute(
        f"DELETE FROM delivery_attempts WHERE email_id IN (SELECT id FROM outgoing_emails WHERE {added})"  # noqa: S608 - words of ours
    )
    op.execute(f"DELETE FROM outgoing_emails WHERE {added}")  # noqa: S608 - words of ours
    _change_words("outgoing_emails", "kind", MORE_KINDS, KINDS)
    op.execute("UPDATE delivery_attempts SET outcome = 'temporary' WHERE outcome = 'full'")
    op.execute("UPDATE delivery_attempts SET outcome = 'installation' WHERE outcome = 'refused'")
    _change_words("delivery_attempts", "outcome", MORE_OUTCOMES, OUTCOMES)
    for column in ("logo", "identity"):
        op.drop_column("installation", column)
    for column in ("signed_in_at", "invited_at"):
        op.drop_column("users", column)
    for column in ("proven_at", "signed_in_by", "network_address"):
        op.drop_column("user_sessions", column)
    op.drop_index("ix_submissions_at", "submissions")
    op.drop_table("submissions")


def _change_words(table: str, column: str, before: str, after: str) -> None:
    """Change which words a column admits."""
    if op.get_bind().dialect.name == "postgresql":
        name = op.f(f"ck_{table}_{column}")
        op.drop_constraint(name, table, type_="check")
        op.create_check_constraint(name, table, f"{column} IN ({after})")
    else:
        _rewrite(table, f"{column} IN ({before})", f"{column} IN ({after})")


def _rewrite(name: str, before: str, after: str) -> None:
    """Change the words of a check in SQLite's schema, as its manual says for a change of that kind.

    Other tables refer to this one, so it cannot be written anew within a transaction.
    """
    connection = op.get_bind()
    [version] = connection.exec_driver_sql("PRAGMA schema_version").scalars()
    connection.exec_driver_sql("PRAGMA writable_schema=ON")
    changed = connection.execute(
        sa.text(
            "UPDATE sqlite_master SET sql = replace(sql, :before, :after)"
            " WHERE type = 'table' AND name = :name AND instr(sql, :before) > 0"
        ),
        {"name": name, "before": before, "after": after},
    )
    # Makes every connection read the schema anew.
    connection.exec_driver_sql(f"PRAGMA schema_version={version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema=RESET")
    if changed.rowcount != 1:
        message = f"the table {name} does not say {before}"
        raise RuntimeError(message)


def note_rows_of_before() -> None:
    """Add one event with the digests of all rows that were written before events had them."""
    with Session(op.get_bind()) as session:
        if audit_rows.last_ids(session):
            audit.record_stored(session, action="audit.baseline", newer_than={})
            audit.write_pending(session)
            session.flush()
