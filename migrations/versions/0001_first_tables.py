"""The first tables, and the triggers that keep the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

AUDIT_TRIGGERS_SQLITE = (
    """CREATE TRIGGER audit_events_keep_update BEFORE UPDATE ON audit_events
    BEGIN SELECT RAISE(ABORT, 'audit_events is append-only'); END""",
    """CREATE TRIGGER audit_events_keep_delete BEFORE DELETE ON audit_events
    BEGIN SELECT RAISE(ABORT, 'audit_events is append-only'); END""",
    # Erasing a person may empty a row of details, nothing else may touch it.
    """CREATE TRIGGER audit_details_keep_update BEFORE UPDATE ON audit_details
    WHEN NEW.event_id <> OLD.event_id OR NEW.details IS NOT NULL OR NEW.salt IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'audit_details can only be emptied'); END""",
    """CREATE TRIGGER audit_details_keep_delete BEFORE DELETE ON audit_details
    BEGIN SELECT RAISE(ABORT, 'audit_details can only be emptied'); END""",
)
AUDIT_TRIGGERS_POSTGRESQL = (
    """CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$""",
    """CREATE TRIGGER audit_events_keep BEFORE UPDATE OR DELETE ON audit_events
    FOR EACH ROW EXECUTE FUNCTION audit_refuse()""",
    """CREATE TRIGGER audit_events_keep_all BEFORE TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()""",
    """CREATE TRIGGER audit_details_keep_update BEFORE UPDATE ON audit_details FOR EACH ROW
    WHEN (NEW.event_id <> OLD.event_id OR NEW.details IS NOT NULL OR NEW.salt IS NOT NULL)
    EXECUTE FUNCTION audit_refuse()""",
    """CREATE TRIGGER audit_details_keep_delete BEFORE DELETE ON audit_details
    FOR EACH ROW EXECUTE FUNCTION audit_refuse()""",
    """CREATE TRIGGER audit_details_keep_all BEFORE TRUNCATE ON audit_details
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()""",
)


def upgrade() -> None:
    op.create_table(
        "actors",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=500), nullable=False),
        sa.Column("organisation_number", sa.String(length=9), nullable=True),
        sa.Column("organisation_number_origin", sa.String(length=40), nullable=True),
        sa.Column("email", sa.String(length=500), nullable=True),
        sa.Column("email_failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("locale", sa.String(length=2), nullable=False),
        sa.Column("origin", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("locale IN ('nb', 'nn', 'en')", name=op.f("ck_actors_locale")),
        sa.CheckConstraint(
            "origin IN ('seed', 'public', 'people', 'demonstration')", name=op.f("ck_actors_origin")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_actors")),
        sa.UniqueConstraint("name", name=op.f("uq_actors_name")),
        sa.UniqueConstraint("organisation_number", name=op.f("uq_actors_organisation_number")),
    )
    op.create_table(
        "attempts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
    )
    op.create_index("ix_attempts_at", "attempts", ["at"], unique=False)
    op.create_index("ix_attempts_key", "attempts", ["key", "at"], unique=False)
    op.create_table(
        "audit_events",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("actor", sa.String(length=500), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("entity", sa.String(length=40), nullable=False),
        sa.Column("entity_id", sa.Integer(), nullable=False),
        sa.Column("details_digest", sa.String(length=64), nullable=False),
        sa.Column("previous_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_events")),
    )
    op.create_index(
        "ix_audit_events_entity", "audit_events", ["entity", "entity_id", "id"], unique=False
    )
    op.create_index("ix_audit_events_user_id", "audit_events", ["user_id", "id"], unique=False)
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("last_id", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_audit_head_single_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "forum_seats",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("as_written", sa.String(length=500), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_forum_seats")),
        sa.UniqueConstraint("number", name=op.f("uq_forum_seats_number")),
    )
    op.create_table(
        "installation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("demonstration_on", sa.Date(), nullable=True),
        sa.Column("mail_paused_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("mail_paused_reason", sa.Text(), nullable=True),
        sa.Column("mail_failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_installation_single_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation")),
    )
    op.create_table(
        "reminder_runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("slot", sa.DateTime(timezone=True), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reminder_runs")),
        sa.UniqueConstraint("slot", name=op.f("uq_reminder_runs_slot")),
    )
    op.create_table(
        "sources",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("publisher", sa.String(length=500), nullable=True),
        sa.Column("date_text", sa.String(length=500), nullable=True),
        sa.Column("sort_date", sa.Date(), nullable=True),
        sa.Column("address", sa.String(length=500), nullable=True),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("summary_nb", sa.Text(), nullable=False),
        sa.Column("summary_nn", sa.Text(), nullable=False),
        sa.Column("origin", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "origin IN ('seed', 'public', 'people', 'demonstration')",
            name=op.f("ck_sources_origin"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sources")),
        sa.UniqueConstraint("key", name=op.f("uq_sources_key")),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(length=500), nullable=False),
        sa.Column("name", sa.String(length=500), nullable=False),
        sa.Column("locale", sa.String(length=2), nullable=False),
        sa.Column("password_hash", sa.String(length=500), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("email_failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("email_failure", sa.Text(), nullable=True),
        sa.CheckConstraint("locale IN ('nb', 'nn', 'en')", name=op.f("ck_users_locale")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
    )
    op.create_index("ix_users_name", "users", ["name", "id"], unique=False)
    op.create_table(
        "actor_aliases",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=500), nullable=False),
        sa.Column("origin", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["actors.id"], name=op.f("fk_actor_aliases_actor_id_actors")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_actor_aliases")),
        sa.UniqueConstraint("actor_id", "name", name=op.f("uq_actor_aliases_actor_id_name")),
    )
    op.create_table(
        "actor_successions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("predecessor_id", sa.Integer(), nullable=False),
        sa.Column("successor_id", sa.Integer(), nullable=False),
        sa.Column("on_date", sa.Date(), nullable=False),
        sa.Column("note_nb", sa.Text(), nullable=False),
        sa.Column("note_nn", sa.Text(), nullable=False),
        sa.Column("origin", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["predecessor_id"],
            ["actors.id"],
            name=op.f("fk_actor_successions_predecessor_id_actors"),
        ),
        sa.ForeignKeyConstraint(
            ["successor_id"], ["actors.id"], name=op.f("fk_actor_successions_successor_id_actors")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_actor_successions")),
        sa.UniqueConstraint(
            "predecessor_id",
            "successor_id",
            "on_date",
            name=op.f("uq_actor_successions_predecessor_id_successor_id_on_date"),
        ),
    )
    op.create_index(
        "ix_actor_successions_successor_id", "actor_successions", ["successor_id"], unique=False
    )
    op.create_table(
        "audit_details",
        sa.Column("event_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("salt", sa.String(length=32), nullable=True),
        sa.Column("details", sa.JSON(none_as_null=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["event_id"], ["audit_events.id"], name=op.f("fk_audit_details_event_id_audit_events")
        ),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_audit_details")),
    )
    op.create_table(
        "context_notes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("quote", sa.Text(), nullable=True),
        sa.Column("text_nb", sa.Text(), nullable=False),
        sa.Column("text_nn", sa.Text(), nullable=False),
        sa.Column("origin", sa.String(length=40), nullable=False),
        sa.CheckConstraint(
            "kind IN ('mandate', 'definition', 'weakness', 'obstacle', 'proposal', 'theme', 'remark')",
            name=op.f("ck_context_notes_kind"),
        ),
        sa.CheckConstraint(
            "origin IN ('seed', 'public', 'people', 'demonstration')",
            name=op.f("ck_context_notes_origin"),
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name=op.f("fk_context_notes_source_id_sources")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_context_notes")),
        sa.UniqueConstraint("key", name=op.f("uq_context_notes_key")),
    )
    op.create_index(
        "ix_context_notes_source_id", "context_notes", ["source_id", "position"], unique=False
    )
    op.create_table(
        "forum_seat_actors",
        sa.Column("seat_id", sa.Integer(), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["actors.id"], name=op.f("fk_forum_seat_actors_actor_id_actors")
        ),
        sa.ForeignKeyConstraint(
            ["seat_id"], ["forum_seats.id"], name=op.f("fk_forum_seat_actors_seat_id_forum_seats")
        ),
        sa.PrimaryKeyConstraint("seat_id", "actor_id", name=op.f("pk_forum_seat_actors")),
    )
    op.create_index(
        "ix_forum_seat_actors_actor_id", "forum_seat_actors", ["actor_id"], unique=False
    )
    op.create_table(
        "memberships",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("role", sa.String(length=40), nullable=False),
        sa.CheckConstraint(
            "role IN ('reader', 'member', 'lead', 'forum_member', 'coordinator', 'admin')",
            name=op.f("ck_memberships_role"),
        ),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["actors.id"], name=op.f("fk_memberships_actor_id_actors")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_memberships_user_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_memberships")),
        sa.UniqueConstraint(
            "user_id", "role", "actor_id", name=op.f("uq_memberships_user_id_role_actor_id")
        ),
    )
    op.create_index("ix_memberships_actor_id", "memberships", ["actor_id", "role"], unique=False)
    op.create_index("ix_memberships_role", "memberships", ["role"], unique=False)
    op.create_index(
        "uq_memberships_general",
        "memberships",
        ["user_id", "role"],
        unique=True,
        sqlite_where=sa.text("actor_id IS NULL"),
        postgresql_where=sa.text("actor_id IS NULL"),
    )
    op.create_table(
        "outgoing_emails",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("addressee", sa.String(length=500), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("local_date", sa.Date(), nullable=True),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("message_id", sa.String(length=500), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.String(length=40), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("possibly_duplicate", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("server_answer", sa.Text(), nullable=True),
        sa.Column("to_address", sa.String(length=500), nullable=True),
        sa.Column("locale", sa.String(length=2), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("text_body", sa.Text(), nullable=True),
        sa.Column("html_body", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('digest', 'sign_in', 'answer_link', 'test')",
            name=op.f("ck_outgoing_emails_kind"),
        ),
        sa.CheckConstraint(
            "state IN ('queued', 'sent', 'failed', 'cancelled')",
            name=op.f("ck_outgoing_emails_state"),
        ),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["actors.id"], name=op.f("fk_outgoing_emails_actor_id_actors")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["reminder_runs.id"], name=op.f("fk_outgoing_emails_run_id_reminder_runs")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_outgoing_emails_user_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outgoing_emails")),
        sa.UniqueConstraint(
            "kind",
            "addressee",
            "local_date",
            name=op.f("uq_outgoing_emails_kind_addressee_local_date"),
        ),
        sa.UniqueConstraint("message_id", name=op.f("uq_outgoing_emails_message_id")),
    )
    op.create_index(
        "ix_outgoing_emails_due",
        "outgoing_emails",
        ["next_attempt_at", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index("ix_outgoing_emails_run_id", "outgoing_emails", ["run_id"], unique=False)
    op.create_index("ix_outgoing_emails_state", "outgoing_emails", ["state", "id"], unique=False)
    op.create_index(
        "ix_outgoing_emails_user_id", "outgoing_emails", ["user_id", "id"], unique=False
    )
    op.create_table(
        "sign_in_links",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("kept_form", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_sign_in_links_user_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_links")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_sign_in_links_token_hash")),
    )
    op.create_index("ix_sign_in_links_user_id", "sign_in_links", ["user_id"], unique=False)
    op.create_table(
        "tasks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ref", sa.String(length=40), nullable=False),
        sa.Column("ref_key", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("parent_id", sa.Integer(), nullable=True),
        sa.Column("source_id", sa.Integer(), nullable=True),
        sa.Column("title_nb", sa.String(length=500), nullable=False),
        sa.Column("title_nn", sa.String(length=500), nullable=False),
        sa.Column("quote", sa.Text(), nullable=True),
        sa.Column("quote_language", sa.String(length=2), nullable=True),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("theme", sa.String(length=500), nullable=False),
        sa.Column("chosen_alternative", sa.Text(), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("origin", sa.String(length=40), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=True),
        sa.Column("owner_none_on", sa.Date(), nullable=True),
        sa.Column("responsible_id", sa.Integer(), nullable=True),
        sa.Column("responsible_none_on", sa.Date(), nullable=True),
        sa.Column("deadline", sa.Date(), nullable=True),
        sa.Column("deadline_precision", sa.String(length=40), nullable=True),
        sa.Column("deadline_none_on", sa.Date(), nullable=True),
        sa.Column("original_deadline", sa.Date(), nullable=True),
        sa.Column("original_precision", sa.String(length=40), nullable=True),
        sa.Column("status", sa.String(length=40), nullable=True),
        sa.Column("status_none_on", sa.Date(), nullable=True),
        sa.Column("look_again_on", sa.Date(), nullable=True),
        sa.Column("assignment", sa.Integer(), nullable=False),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("assigned_by_id", sa.Integer(), nullable=True),
        sa.Column("assessment", sa.String(length=40), nullable=True),
        sa.Column("last_update_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("needs_contact_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("series", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "deadline_key",
            sa.Date(),
            sa.Computed("coalesce(deadline, '9999-12-31')", persisted=True),
            nullable=False,
        ),
        sa.CheckConstraint(
            "assessment IN ('on_track', 'uncertain', 'off_track')", name=op.f("ck_tasks_assessment")
        ),
        sa.CheckConstraint(
            "deadline_precision IN ('day', 'month', 'year')",
            name=op.f("ck_tasks_deadline_precision"),
        ),
        sa.CheckConstraint(
            "kind IN ('recommendation', 'goal', 'measure')", name=op.f("ck_tasks_kind")
        ),
        sa.CheckConstraint(
            "origin IN ('seed', 'public', 'people', 'demonstration')", name=op.f("ck_tasks_origin")
        ),
        sa.CheckConstraint(
            "original_precision IN ('day', 'month', 'year')",
            name=op.f("ck_tasks_original_precision"),
        ),
        sa.CheckConstraint(
            "status IN ('not_started', 'in_progress', 'ongoing', 'on_hold', 'reported_done', 'closed', 'dropped')",
            name=op.f("ck_tasks_status"),
        ),
        sa.CheckConstraint(
            "(deadline IS NULL) = (deadline_precision IS NULL)", name=op.f("ck_tasks_deadline_pair")
        ),
        sa.CheckConstraint(
            "deadline IS NULL OR deadline_none_on IS NULL", name=op.f("ck_tasks_deadline_settled")
        ),
        sa.CheckConstraint(
            "owner_id IS NULL OR owner_none_on IS NULL", name=op.f("ck_tasks_owner_settled")
        ),
        sa.CheckConstraint(
            "responsible_id IS NULL OR owner_id IS NOT NULL",
            name=op.f("ck_tasks_responsible_owner"),
        ),
        sa.CheckConstraint(
            "responsible_id IS NULL OR responsible_none_on IS NULL",
            name=op.f("ck_tasks_responsible_settled"),
        ),
        sa.CheckConstraint(
            "status IS NULL OR status_none_on IS NULL", name=op.f("ck_tasks_status_settled")
        ),
        sa.ForeignKeyConstraint(
            ["assigned_by_id"], ["users.id"], name=op.f("fk_tasks_assigned_by_id_users")
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["actors.id"], name=op.f("fk_tasks_owner_id_actors")),
        sa.ForeignKeyConstraint(["parent_id"], ["tasks.id"], name=op.f("fk_tasks_parent_id_tasks")),
        sa.ForeignKeyConstraint(
            ["responsible_id"], ["users.id"], name=op.f("fk_tasks_responsible_id_users")
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name=op.f("fk_tasks_source_id_sources")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
        sa.UniqueConstraint("ref", name=op.f("uq_tasks_ref")),
        sa.UniqueConstraint("ref_key", name=op.f("uq_tasks_ref_key")),
    )
    op.create_index("ix_tasks_assigned_at", "tasks", ["assigned_at"], unique=False)
    op.create_index("ix_tasks_changed_at", "tasks", ["changed_at", "id"], unique=False)
    op.create_index("ix_tasks_deadline_key", "tasks", ["deadline_key", "id"], unique=False)
    op.create_index("ix_tasks_kind", "tasks", ["kind", "deadline_key", "id"], unique=False)
    op.create_index("ix_tasks_look_again_on", "tasks", ["look_again_on"], unique=False)
    op.create_index(
        "ix_tasks_needs_contact_since",
        "tasks",
        ["needs_contact_since"],
        unique=False,
        sqlite_where=sa.text("needs_contact_since IS NOT NULL"),
        postgresql_where=sa.text("needs_contact_since IS NOT NULL"),
    )
    op.create_index(
        "ix_tasks_numbers_of_owner",
        "tasks",
        ["owner_id", "kind", "status", "last_update_at"],
        unique=False,
    )
    op.create_index(
        "ix_tasks_numbers_of_parent",
        "tasks",
        ["parent_id", "status", "last_update_at"],
        unique=False,
    )
    op.create_index(
        "ix_tasks_open",
        "tasks",
        ["deadline_key", "id"],
        unique=False,
        sqlite_where=sa.text("status IS NULL OR (status NOT IN ('closed', 'dropped'))"),
        postgresql_where=sa.text("status IS NULL OR (status NOT IN ('closed', 'dropped'))"),
    )
    op.create_index(
        "ix_tasks_open_owner_id",
        "tasks",
        ["owner_id", "deadline_key", "id", "status", "assessment"],
        unique=False,
        sqlite_where=sa.text("status IS NULL OR (status NOT IN ('closed', 'dropped'))"),
        postgresql_where=sa.text("status IS NULL OR (status NOT IN ('closed', 'dropped'))"),
    )
    op.create_index("ix_tasks_owner_id", "tasks", ["owner_id", "deadline_key", "id"], unique=False)
    op.create_index("ix_tasks_parent_id", "tasks", ["parent_id", "ref_key"], unique=False)
    op.create_index(
        "ix_tasks_responsible_id", "tasks", ["responsible_id", "deadline_key", "id"], unique=False
    )
    op.create_index("ix_tasks_source_id", "tasks", ["source_id", "ref_key"], unique=False)
    op.create_index("ix_tasks_status", "tasks", ["status", "deadline_key", "id"], unique=False)
    op.create_index("ix_tasks_theme", "tasks", ["theme", "deadline_key", "id"], unique=False)
    op.create_index(
        "ix_tasks_unsettled",
        "tasks",
        ["ref_key"],
        unique=False,
        sqlite_where=sa.text(
            "(status IS NULL OR (status NOT IN ('closed', 'dropped'))) AND (owner_id IS NULL AND owner_none_on IS NULL OR owner_id IS NOT NULL AND responsible_id IS NULL AND responsible_none_on IS NULL OR deadline IS NULL AND deadline_none_on IS NULL OR status IS NULL AND status_none_on IS NULL)"
        ),
        postgresql_where=sa.text(
            "(status IS NULL OR (status NOT IN ('closed', 'dropped'))) AND (owner_id IS NULL AND owner_none_on IS NULL OR owner_id IS NOT NULL AND responsible_id IS NULL AND responsible_none_on IS NULL OR deadline IS NULL AND deadline_none_on IS NULL OR status IS NULL AND status_none_on IS NULL)"
        ),
    )
    op.create_table(
        "timeline_entries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("date_text", sa.String(length=500), nullable=False),
        sa.Column("sort_date", sa.Date(), nullable=True),
        sa.Column("body", sa.String(length=500), nullable=True),
        sa.Column("quote", sa.Text(), nullable=True),
        sa.Column("text_nb", sa.Text(), nullable=False),
        sa.Column("text_nn", sa.Text(), nullable=False),
        sa.Column("origin", sa.String(length=40), nullable=False),
        sa.CheckConstraint(
            "origin IN ('seed', 'public', 'people', 'demonstration')",
            name=op.f("ck_timeline_entries_origin"),
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name=op.f("fk_timeline_entries_source_id_sources")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_timeline_entries")),
        sa.UniqueConstraint("key", name=op.f("uq_timeline_entries_key")),
    )
    op.create_index(
        "ix_timeline_entries_source_id", "timeline_entries", ["source_id", "position"], unique=False
    )
    op.create_table(
        "user_sessions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("browser", sa.String(length=500), nullable=False),
        sa.Column("kept_form", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_user_sessions_user_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_sessions")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_user_sessions_token_hash")),
    )
    op.create_index("ix_user_sessions_user_id", "user_sessions", ["user_id"], unique=False)
    op.create_table(
        "deadline_changes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("old_deadline", sa.Date(), nullable=True),
        sa.Column("old_precision", sa.String(length=40), nullable=True),
        sa.Column("new_deadline", sa.Date(), nullable=True),
        sa.Column("new_precision", sa.String(length=40), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requested_by_id", sa.Integer(), nullable=True),
        sa.Column("requested_as", sa.String(length=500), nullable=True),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(length=40), nullable=True),
        sa.Column("decided_by_id", sa.Integer(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision_reason", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "new_precision IN ('day', 'month', 'year')",
            name=op.f("ck_deadline_changes_new_precision"),
        ),
        sa.CheckConstraint(
            "old_precision IN ('day', 'month', 'year')",
            name=op.f("ck_deadline_changes_old_precision"),
        ),
        sa.CheckConstraint(
            "outcome IN ('approved', 'rejected', 'withdrawn')",
            name=op.f("ck_deadline_changes_outcome"),
        ),
        sa.ForeignKeyConstraint(
            ["decided_by_id"], ["users.id"], name=op.f("fk_deadline_changes_decided_by_id_users")
        ),
        sa.ForeignKeyConstraint(
            ["requested_by_id"],
            ["users.id"],
            name=op.f("fk_deadline_changes_requested_by_id_users"),
        ),
        sa.ForeignKeyConstraint(
            ["task_id"], ["tasks.id"], name=op.f("fk_deadline_changes_task_id_tasks")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deadline_changes")),
    )
    op.create_index(
        "ix_deadline_changes_decided_at", "deadline_changes", ["decided_at"], unique=False
    )
    op.create_index(
        "ix_deadline_changes_task_id", "deadline_changes", ["task_id", "id"], unique=False
    )
    op.create_index(
        "uq_deadline_changes_pending",
        "deadline_changes",
        ["task_id"],
        unique=True,
        sqlite_where=sa.text("outcome IS NULL"),
        postgresql_where=sa.text("outcome IS NULL"),
    )
    op.create_table(
        "delivery_attempts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email_id", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(length=40), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('sent', 'temporary', 'bad_address', 'installation', 'unknown', 'cancelled')",
            name=op.f("ck_delivery_attempts_outcome"),
        ),
        sa.ForeignKeyConstraint(
            ["email_id"],
            ["outgoing_emails.id"],
            name=op.f("fk_delivery_attempts_email_id_outgoing_emails"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_attempts")),
    )
    op.create_index(
        "ix_delivery_attempts_email_id", "delivery_attempts", ["email_id"], unique=False
    )
    op.create_table(
        "reminders",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("series", sa.Integer(), nullable=False),
        sa.Column("audience", sa.String(length=40), nullable=False),
        sa.Column("step", sa.String(length=40), nullable=False),
        sa.Column("occurrence", sa.String(length=40), nullable=False),
        sa.Column("addressee", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("nominal_on", sa.Date(), nullable=False),
        sa.Column("send_on", sa.Date(), nullable=False),
        sa.Column("deadline", sa.Date(), nullable=True),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("email_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "audience IN ('responsible', 'leads', 'mailbox', 'coordinator', 'author')",
            name=op.f("ck_reminders_audience"),
        ),
        sa.CheckConstraint(
            "state IN ('planned', 'sent', 'superseded', 'cancelled')",
            name=op.f("ck_reminders_state"),
        ),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["actors.id"], name=op.f("fk_reminders_actor_id_actors")
        ),
        sa.ForeignKeyConstraint(
            ["email_id"], ["outgoing_emails.id"], name=op.f("fk_reminders_email_id_outgoing_emails")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["reminder_runs.id"], name=op.f("fk_reminders_run_id_reminder_runs")
        ),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_reminders_task_id_tasks")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_reminders_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reminders")),
        sa.UniqueConstraint(
            "task_id",
            "series",
            "audience",
            "step",
            "occurrence",
            "addressee",
            name="uq_reminders_key",
        ),
    )
    op.create_index("ix_reminders_email_id", "reminders", ["email_id"], unique=False)
    op.create_index("ix_reminders_send_on", "reminders", ["send_on", "id"], unique=False)
    op.create_index("ix_reminders_state", "reminders", ["state", "id"], unique=False)
    op.create_index("ix_reminders_user_id", "reminders", ["user_id", "id"], unique=False)
    op.create_table(
        "status_updates",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("stated_name", sa.String(length=500), nullable=True),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("on_behalf", sa.Boolean(), nullable=False),
        sa.Column("as_contributor", sa.Boolean(), nullable=False),
        sa.Column("channel", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status_before", sa.String(length=40), nullable=True),
        sa.Column("status_after", sa.String(length=40), nullable=True),
        sa.Column("assessment", sa.String(length=40), nullable=True),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("risk", sa.Text(), nullable=False),
        sa.Column("hindrances", sa.JSON(), nullable=False),
        sa.Column("look_again_on", sa.Date(), nullable=True),
        sa.Column("no_change", sa.Boolean(), nullable=False),
        sa.Column("not_mine", sa.Boolean(), nullable=False),
        sa.Column("corrects_id", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "assessment IN ('on_track', 'uncertain', 'off_track')",
            name=op.f("ck_status_updates_assessment"),
        ),
        sa.CheckConstraint(
            "channel IN ('web', 'email_link', 'api', 'import')",
            name=op.f("ck_status_updates_channel"),
        ),
        sa.CheckConstraint(
            "status_after IN ('not_started', 'in_progress', 'ongoing', 'on_hold', 'reported_done', 'closed', 'dropped')",
            name=op.f("ck_status_updates_status_after"),
        ),
        sa.CheckConstraint(
            "status_before IN ('not_started', 'in_progress', 'ongoing', 'on_hold', 'reported_done', 'closed', 'dropped')",
            name=op.f("ck_status_updates_status_before"),
        ),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["actors.id"], name=op.f("fk_status_updates_actor_id_actors")
        ),
        sa.ForeignKeyConstraint(
            ["corrects_id"],
            ["status_updates.id"],
            name=op.f("fk_status_updates_corrects_id_status_updates"),
        ),
        sa.ForeignKeyConstraint(
            ["task_id"], ["tasks.id"], name=op.f("fk_status_updates_task_id_tasks")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_status_updates_user_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_status_updates")),
        sa.UniqueConstraint("corrects_id", name=op.f("uq_status_updates_corrects_id")),
    )
    op.create_index(
        "ix_status_updates_actor_id", "status_updates", ["actor_id", "created_at"], unique=False
    )
    op.create_index(
        "ix_status_updates_created_at", "status_updates", ["created_at", "id"], unique=False
    )
    op.create_index(
        "ix_status_updates_not_mine",
        "status_updates",
        ["task_id", "id"],
        unique=False,
        sqlite_where=sa.text("not_mine = 1"),
        postgresql_where=sa.text("not_mine"),
    )
    op.create_index(
        "ix_status_updates_reports_ended",
        "status_updates",
        ["created_at"],
        unique=False,
        sqlite_where=sa.text("status_before = 'reported_done'"),
        postgresql_where=sa.text("status_before = 'reported_done'"),
    )
    op.create_index("ix_status_updates_task_id", "status_updates", ["task_id", "id"], unique=False)
    op.create_table(
        "task_contexts",
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("note_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["note_id"], ["context_notes.id"], name=op.f("fk_task_contexts_note_id_context_notes")
        ),
        sa.ForeignKeyConstraint(
            ["task_id"], ["tasks.id"], name=op.f("fk_task_contexts_task_id_tasks")
        ),
        sa.PrimaryKeyConstraint("task_id", "note_id", name=op.f("pk_task_contexts")),
    )
    op.create_index("ix_task_contexts_note_id", "task_contexts", ["note_id"], unique=False)
    op.create_table(
        "task_contributors",
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["actors.id"], name=op.f("fk_task_contributors_actor_id_actors")
        ),
        sa.ForeignKeyConstraint(
            ["task_id"], ["tasks.id"], name=op.f("fk_task_contributors_task_id_tasks")
        ),
        sa.PrimaryKeyConstraint("task_id", "actor_id", name=op.f("pk_task_contributors")),
    )
    op.create_index(
        "ix_task_contributors_actor_id", "task_contributors", ["actor_id"], unique=False
    )
    op.create_table(
        "task_goals",
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("goal_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["goal_id"], ["tasks.id"], name=op.f("fk_task_goals_goal_id_tasks")
        ),
        sa.ForeignKeyConstraint(
            ["task_id"], ["tasks.id"], name=op.f("fk_task_goals_task_id_tasks")
        ),
        sa.PrimaryKeyConstraint("task_id", "goal_id", name=op.f("pk_task_goals")),
    )
    op.create_index("ix_task_goals_goal_id", "task_goals", ["goal_id"], unique=False)
    op.create_table(
        "answer_links",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email_id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("update_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["actors.id"], name=op.f("fk_answer_links_actor_id_actors")
        ),
        sa.ForeignKeyConstraint(
            ["email_id"],
            ["outgoing_emails.id"],
            name=op.f("fk_answer_links_email_id_outgoing_emails"),
        ),
        sa.ForeignKeyConstraint(
            ["task_id"], ["tasks.id"], name=op.f("fk_answer_links_task_id_tasks")
        ),
        sa.ForeignKeyConstraint(
            ["update_id"],
            ["status_updates.id"],
            name=op.f("fk_answer_links_update_id_status_updates"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_answer_links_user_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_answer_links")),
        sa.UniqueConstraint("email_id", "task_id", name=op.f("uq_answer_links_email_id_task_id")),
    )
    op.create_index("ix_answer_links_task_id", "answer_links", ["task_id"], unique=False)
    op.create_index("ix_answer_links_user_id", "answer_links", ["user_id"], unique=False)
    op.create_table(
        "evidence",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("update_id", sa.Integer(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(
            ["update_id"], ["status_updates.id"], name=op.f("fk_evidence_update_id_status_updates")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
    )
    op.create_index("ix_evidence_update_id", "evidence", ["update_id"], unique=False)

    op.execute("INSERT INTO installation (id) VALUES (1)")
    # The chain starts from a hash of zeros.
    head = sa.table("audit_head", sa.column("id"), sa.column("last_id"), sa.column("hash"))
    op.execute(head.insert().values(id=1, last_id=0, hash="0" * 64))
    sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in AUDIT_TRIGGERS_SQLITE if sqlite else AUDIT_TRIGGERS_POSTGRESQL:
        op.execute(statement)


def downgrade() -> None:
    op.drop_index("ix_evidence_update_id", table_name="evidence")
    op.drop_table("evidence")
    op.drop_index("ix_answer_links_user_id", table_name="answer_links")
    op.drop_index("ix_answer_links_task_id", table_name="answer_links")
    op.drop_table("answer_links")
    op.drop_index("ix_task_goals_goal_id", table_name="task_goals")
    op.drop_table("task_goals")
    op.drop_index("ix_task_contributors_actor_id", table_name="task_contributors")
    op.drop_table("task_contributors")
    op.drop_index("ix_task_contexts_note_id", table_name="task_contexts")
    op.drop_table("task_contexts")
    op.drop_index("ix_status_updates_task_id", table_name="status_updates")
    op.drop_index(
        "ix_status_updates_reports_ended",
        table_name="status_updates",
        sqlite_where=sa.text("status_before = 'reported_done'"),
        postgresql_where=sa.text("status_before = 'reported_done'"),
    )
    op.drop_index(
        "ix_status_updates_not_mine",
        table_name="status_updates",
        sqlite_where=sa.text("not_mine = 1"),
        postgresql_where=sa.text("not_mine"),
    )
    op.drop_index("ix_status_updates_created_at", table_name="status_updates")
    op.drop_index("ix_status_updates_actor_id", table_name="status_updates")
    op.drop_table("status_updates")
    op.drop_index("ix_reminders_user_id", table_name="reminders")
    op.drop_index("ix_reminders_state", table_name="reminders")
    op.drop_index("ix_reminders_send_on", table_name="reminders")
    op.drop_index("ix_reminders_email_id", table_name="reminders")
    op.drop_table("reminders")
    op.drop_index("ix_delivery_attempts_email_id", table_name="delivery_attempts")
    op.drop_table("delivery_attempts")
    op.drop_index(
        "uq_deadline_changes_pending",
        table_name="deadline_changes",
        sqlite_where=sa.text("outcome IS NULL"),
        postgresql_where=sa.text("outcome IS NULL"),
    )
    op.drop_index("ix_deadline_changes_task_id", table_name="deadline_changes")
    op.drop_index("ix_deadline_changes_decided_at", table_name="deadline_changes")
    op.drop_table("deadline_changes")
    op.drop_index("ix_user_sessions_user_id", table_name="user_sessions")
    op.drop_table("user_sessions")
    op.drop_index("ix_timeline_entries_source_id", table_name="timeline_entries")
    op.drop_table("timeline_entries")
    op.drop_index(
        "ix_tasks_unsettled",
        table_name="tasks",
        sqlite_where=sa.text(
            "(status IS NULL OR (status NOT IN ('closed', 'dropped'))) AND (owner_id IS NULL AND owner_none_on IS NULL OR owner_id IS NOT NULL AND responsible_id IS NULL AND responsible_none_on IS NULL OR deadline IS NULL AND deadline_none_on IS NULL OR status IS NULL AND status_none_on IS NULL)"
        ),
        postgresql_where=sa.text(
            "(status IS NULL OR (status NOT IN ('closed', 'dropped'))) AND (owner_id IS NULL AND owner_none_on IS NULL OR owner_id IS NOT NULL AND responsible_id IS NULL AND responsible_none_on IS NULL OR deadline IS NULL AND deadline_none_on IS NULL OR status IS NULL AND status_none_on IS NULL)"
        ),
    )
    op.drop_index("ix_tasks_theme", table_name="tasks")
    op.drop_index("ix_tasks_status", table_name="tasks")
    op.drop_index("ix_tasks_source_id", table_name="tasks")
    op.drop_index("ix_tasks_responsible_id", table_name="tasks")
    op.drop_index("ix_tasks_parent_id", table_name="tasks")
    op.drop_index("ix_tasks_owner_id", table_name="tasks")
    op.drop_index(
        "ix_tasks_open_owner_id",
        table_name="tasks",
        sqlite_where=sa.text("status IS NULL OR (status NOT IN ('closed', 'dropped'))"),
        postgresql_where=sa.text("status IS NULL OR (status NOT IN ('closed', 'dropped'))"),
    )
    op.drop_index(
        "ix_tasks_open",
        table_name="tasks",
        sqlite_where=sa.text("status IS NULL OR (status NOT IN ('closed', 'dropped'))"),
        postgresql_where=sa.text("status IS NULL OR (status NOT IN ('closed', 'dropped'))"),
    )
    op.drop_index("ix_tasks_numbers_of_parent", table_name="tasks")
    op.drop_index("ix_tasks_numbers_of_owner", table_name="tasks")
    op.drop_index(
        "ix_tasks_needs_contact_since",
        table_name="tasks",
        sqlite_where=sa.text("needs_contact_since IS NOT NULL"),
        postgresql_where=sa.text("needs_contact_since IS NOT NULL"),
    )
    op.drop_index("ix_tasks_look_again_on", table_name="tasks")
    op.drop_index("ix_tasks_kind", table_name="tasks")
    op.drop_index("ix_tasks_deadline_key", table_name="tasks")
    op.drop_index("ix_tasks_changed_at", table_name="tasks")
    op.drop_index("ix_tasks_assigned_at", table_name="tasks")
    op.drop_table("tasks")
    op.drop_index("ix_sign_in_links_user_id", table_name="sign_in_links")
    op.drop_table("sign_in_links")
    op.drop_index("ix_outgoing_emails_user_id", table_name="outgoing_emails")
    op.drop_index("ix_outgoing_emails_state", table_name="outgoing_emails")
    op.drop_index("ix_outgoing_emails_run_id", table_name="outgoing_emails")
    op.drop_index(
        "ix_outgoing_emails_due",
        table_name="outgoing_emails",
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.drop_table("outgoing_emails")
    op.drop_index(
        "uq_memberships_general",
        table_name="memberships",
        sqlite_where=sa.text("actor_id IS NULL"),
        postgresql_where=sa.text("actor_id IS NULL"),
    )
    op.drop_index("ix_memberships_role", table_name="memberships")
    op.drop_index("ix_memberships_actor_id", table_name="memberships")
    op.drop_table("memberships")
    op.drop_index("ix_forum_seat_actors_actor_id", table_name="forum_seat_actors")
    op.drop_table("forum_seat_actors")
    op.drop_index("ix_context_notes_source_id", table_name="context_notes")
    op.drop_table("context_notes")
    op.drop_table("audit_details")
    op.drop_index("ix_actor_successions_successor_id", table_name="actor_successions")
    op.drop_table("actor_successions")
    op.drop_table("actor_aliases")
    op.drop_index("ix_users_name", table_name="users")
    op.drop_table("users")
    op.drop_table("sources")
    op.drop_table("reminder_runs")
    op.drop_table("installation")
    op.drop_table("forum_seats")
    op.drop_table("audit_head")
    op.drop_index("ix_audit_events_user_id", table_name="audit_events")
    op.drop_index("ix_audit_events_entity", table_name="audit_events")
    op.drop_table("audit_events")
    op.drop_index("ix_attempts_key", table_name="attempts")
    op.drop_index("ix_attempts_at", table_name="attempts")
    op.drop_table("attempts")
    op.drop_table("actors")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_refuse()")
