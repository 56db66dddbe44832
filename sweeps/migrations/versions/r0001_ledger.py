"""Jobs, attempts, leases, requests, quarantine."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "lorasweep_jobs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("sweep", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("rung", sa.Integer),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created", sa.Double, nullable=False),
    )
    _unique("lorasweep_job_of_rung", "lorasweep_jobs", ["sweep", "label", "rung"], "rung IS NOT NULL")
    _unique("lorasweep_job_without_rung", "lorasweep_jobs", ["sweep", "label"], "rung IS NULL")
    op.create_table(
        "lorasweep_attempts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("job_id", sa.Integer, sa.ForeignKey("lorasweep_jobs.id"), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("boot", sa.Text, nullable=False),
        sa.Column("slot", sa.Integer, nullable=False),
        sa.Column("workers", sa.Integer, nullable=False),
        sa.Column("devices", sa.JSON, nullable=False),
        sa.Column("cores", sa.JSON, nullable=False),
        sa.Column("scheduler_port", sa.Integer, nullable=False),
        sa.Column("hccl_port", sa.Integer, nullable=False),
        sa.Column("folder", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer),
        sa.Column("pid_started", sa.Double),
        sa.Column("started", sa.Double, nullable=False),
        sa.Column("ended", sa.Double),
        sa.Column("outcome", sa.Text),
        sa.Column("kind", sa.Text),
        sa.Column("signature", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("seconds", sa.Double),
    )
    _unique("lorasweep_attempt_number", "lorasweep_attempts", ["job_id", "number"])
    _unique("lorasweep_attempt_open", "lorasweep_attempts", ["job_id"], "ended IS NULL")
    op.create_table(
        "lorasweep_leases",
        sa.Column("sweep", sa.Text, primary_key=True),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("boot", sa.Text, nullable=False),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("pid_started", sa.Double, nullable=False),
        sa.Column("token", sa.String(36), nullable=False),
        sa.Column("since", sa.Double, nullable=False),
        sa.Column("heartbeat", sa.Double, nullable=False),
    )
    op.create_table(
        "lorasweep_requests",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("sweep", sa.Text, nullable=False, index=True),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("label", sa.Text),
        sa.Column("made", sa.Double, nullable=False),
        sa.Column("taken", sa.Double),
    )
    op.create_table(
        "lorasweep_quarantine",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("sweep", sa.Text, nullable=False, index=True),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("slot", sa.Integer),
        sa.Column("since", sa.Double, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )


def _unique(name: str, table: str, columns: list[str], where: str | None = None) -> None:
    condition = None if where is None else sa.text(where)
    op.create_index(name, table, columns, unique=True, sqlite_where=condition, postgresql_where=condition)
