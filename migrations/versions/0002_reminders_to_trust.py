"""Rules, absences, snoozes and preferences of reminders; calendar addresses; meetings."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ONE_ANSWERS = ("uq_answer_links_email_id_task_id", "email_id, task_id")
SEVERAL_ANSWER = ("uq_answer_links_email_id_task_id_user_id", "email_id, task_id, user_id")
AUDIENCES = "'responsible', 'leads', 'mailbox', 'coordinator', 'author'"
WIDER = "'responsible', 'leads', 'mailbox', 'copy', 'coordinator', 'author'"


def upgrade() -> None:
    op.create_table(
        "absences",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("first_on", sa.Date(), nullable=False),
        sa.Column("last_on", sa.Date(), nullable=False),
        sa.Column("substitute_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=False),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("last_on >= first_on", name=op.f("ck_absences_period")),
        _key("absences", "user_id", "users"),
        _key("absences", "substitute_id", "users"),
        _key("absences", "created_by_id", "users"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_absences")),
    )
    op.create_index("ix_absences_user_id", "absences", ["user_id", "last_on"])
    op.create_index("ix_absences_substitute_id", "absences", ["substitute_id", "last_on"])
    op.create_index("ix_absences_last_on", "absences", ["last_on"])
    op.create_table(
        "declined_mail",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        _key("declined_mail", "user_id", "users"),
        sa.PrimaryKeyConstraint("user_id", "kind", name=op.f("pk_declined_mail")),
    )
    op.create_table(
        "calendar_feeds",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("nonce", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        _key("calendar_feeds", "user_id", "users"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar_feeds")),
    )
    _index_current("uq_calendar_feeds_current", "calendar_feeds", ["user_id"], "revoked_at IS NULL")
    op.create_table(
        "meetings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("held_on", sa.Date(), nullable=False),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("place", sa.String(length=500), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meetings")),
    )
    op.create_index("ix_meetings_held_on", "meetings", ["held_on", "id"])
    op.create_table(
        "reminder_rules",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("scope", sa.String(length=40), nullable=False),
        sa.Column("values", sa.JSON(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by_id", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        _key("reminder_rules", "changed_by_id", "users"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reminder_rules")),
        sa.UniqueConstraint("scope", name=op.f("uq_reminder_rules_scope")),
    )
    op.create_table(
        "snoozes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        _key("snoozes", "task_id", "tasks"),
        _key("snoozes", "user_id", "users"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snoozes")),
    )
    _index_current("uq_snoozes_current", "snoozes", ["task_id", "user_id"], "ended_at IS NULL")
    op.create_index("ix_snoozes_user_id", "snoozes", ["user_id"])
    op.create_index("ix_snoozes_until", "snoozes", ["until"])
    op.add_column("actors", sa.Column("email_failure", sa.Text(), nullable=True))
    op.add_column("outgoing_emails", sa.Column("sent_to", sa.String(length=40), nullable=True))
    op.add_column(
        "outgoing_emails", sa.Column("requeued_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.create_index(
        "ix_outgoing_emails_sent",
        "outgoing_emails",
        ["finished_at"],
        sqlite_where=sa.text("state = 'sent'"),
        postgresql_where=sa.text("state = 'sent'"),
    )
    _change_audiences(AUDIENCES, WIDER)
    _change_who_answers(ONE_ANSWERS, SEVERAL_ANSWER)
    op.add_column("answer_links", sa.Column("nonce", sa.String(length=40), nullable=True))


def downgrade() -> None:
    op.execute(
        "DELETE FROM answer_links WHERE EXISTS (SELECT 1 FROM answer_links AS earlier"
        " WHERE earlier.email_id = answer_links.email_id"
        " AND earlier.task_id = answer_links.task_id AND earlier.id < answer_links.id)"
    )
    op.drop_column("answer_links", "nonce")
    _change_who_answers(SEVERAL_ANSWER, ONE_ANSWERS)
    op.execute("DELETE FROM reminders WHERE audience = 'copy'")
    _change_audiences(WIDER, AUDIENCES)
    op.drop_index("ix_outgoing_emails_sent", "outgoing_emails")
    op.drop_column("outgoing_emails", "requeued_at")
    op.drop_column("outgoing_emails", "sent_to")
    op.drop_column("actors", "email_failure")
    for table in (
        "snoozes",
        "reminder_rules",
        "meetings",
        "calendar_feeds",
        "declined_mail",
        "absences",
    ):
        op.drop_table(table)


def _key(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=op.f(f"fk_{table}_{column}_{to}"))


def _index_current(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(
        name,
        table,
        columns,
        unique=True,
        sqlite_where=sa.text(where),
        postgresql_where=sa.text(where),
    )


def _change_audiences(before: str, after: str) -> None:
    """Change which audiences the table of reminders admits."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f("ck_reminders_audience"), "reminders", type_="check")
        op.create_check_constraint(
            op.f("ck_reminders_audience"), "reminders", f"audience IN ({after})"
        )
    else:
        _write_anew("reminders", before, after)


def _change_who_answers(before: tuple[str, str], after: tuple[str, str]) -> None:
    """Change whether a mail may hold one link per task, or one for each who answers."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f(before[0]), "answer_links", type_="unique")
        op.create_unique_constraint(op.f(after[0]), "answer_links", after[1].split(", "))
    else:
        was, is_now = (f"CONSTRAINT {name} UNIQUE ({columns})" for name, columns in (before, after))
        _write_anew("answer_links", was, is_now)


def _write_anew(name: str, before: str, after: str) -> None:
    """Change the words that define a table on SQLite, which cannot change a constraint."""
    connection = op.get_bind()
    schema = f"SELECT sql FROM sqlite_master WHERE tbl_name = '{name}' AND sql IS NOT NULL"  # noqa: S608 - a name of ours
    [table] = connection.scalars(sa.text(f"{schema} AND type = 'table'"))
    indexes = list(connection.scalars(sa.text(f"{schema} AND type = 'index'")))
    if before not in table:
        message = f"the table {name} is not defined as expected: {table}"
        raise RuntimeError(message)
    op.execute(f"ALTER TABLE {name} RENAME TO {name}_before")
    op.execute(sa.text(table.replace(before, after).replace(":", r"\:")))
    op.execute(f"INSERT INTO {name} SELECT * FROM {name}_before")  # noqa: S608 - a name of ours
    op.execute(f"DROP TABLE {name}_before")
    for index in indexes:
        op.execute(sa.text(index))
