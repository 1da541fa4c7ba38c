"""Alembic's environment: runs on the connection that `tracker.services.migrations` passes."""

from alembic import context

from tracker import models
from tracker.db import Base

assert models  # importing it loads every table  # noqa: S101


def run() -> None:
    """Migrate on the connection in the configuration's attributes."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=Base.metadata,
        compare_server_default=True,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        context.run_migrations()


run()
