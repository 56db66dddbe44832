"""How alembic runs the migrations: on the connection and in the transaction that ``sweeps.schema`` gives it."""

from alembic import context

from sweeps.schema import VERSION_TABLE
from sweeps.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
