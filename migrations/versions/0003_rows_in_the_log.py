"""The audit log knows the status updates and deadline changes of before."""

from alembic import op
from sqlalchemy.orm import Session

from tracker.services import audit, audit_rows

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    note_rows_of_before()


def downgrade() -> None:
    """Leave the event: nothing may take it from the log."""


def note_rows_of_before() -> None:
    """Add one event with the digests of all rows that were written before events had them."""
    with Session(op.get_bind()) as session:
        if audit_rows.last_ids(session):
            audit.record_stored(session, action="audit.baseline", newer_than={})
            audit.write_pending(session)
            session.flush()
