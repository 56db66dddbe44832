"""The ledger's tables brought up to date when a database is opened."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from sweeps.database import Database, named
from sweeps.stores import StoreError

# not alembic_version: Optuna and MLflow each keep their own revision there
VERSION_TABLE = "lorasweep_version"
_SCRIPTS = Path(__file__).with_name("migrations")


def migrate(database: Database) -> None:
    """Bring the ledger's tables up to date; processes that open at once do it one after the other.

    A migration that fails, or whose process is killed, leaves the database as it was.

    Raises:
        StoreError: the database cannot be reached, or a newer lorasweep has written it.
    """
    config = Config()
    # a % begins a variable in alembic's configuration
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    newest = ScriptDirectory.from_config(config).get_current_head()
    with database.reading() as session:
        # so that a process that only reads waits for no one who writes
        if revision(session.connection()) == newest:
            return
    with database.migrating() as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise StoreError(
                f"{named(database.url)}: its ledger is of revision {revision(connection)}, this lorasweep knows up to "
                f"{newest}; update lorasweep on this host"
            ) from error


def revision(connection: Connection) -> str | None:
    """Return the revision that the ledger's tables are of; None where there are none."""
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return context.get_current_revision()
