"""Forms that were sent; names on one line; rows of before in the audit log."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.orm import Session

from tracker.services import audit, audit_rows

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

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
    for name, columns in ONE_LINE.items():
        table = sa.table(name, *(sa.column(column, sa.String) for column in columns))
        for column in table.c:
            for sign in ("\n", "\t"):
                op.execute(
                    table.update()
                    .where(column.contains(sign))
                    .values({column: sa.func.replace(column, sign, " ")})
                )
    note_rows_of_before()


def downgrade() -> None:
    """Leave the event about rows of before: nothing may take it from the log."""
    op.drop_index("ix_submissions_at", "submissions")
    op.drop_table("submissions")


def note_rows_of_before() -> None:
    """Add one event with the digests of all rows that were written before events had them."""
    with Session(op.get_bind()) as session:
        if audit_rows.last_ids(session):
            audit.record_stored(session, action="audit.baseline", newer_than={})
            audit.write_pending(session)
            session.flush()
