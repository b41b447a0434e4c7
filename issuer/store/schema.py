"""The shape of the database: how it is made, brought up to date, and checked."""

from collections import defaultdict
from importlib import resources
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, inspect, text

from issuer.errors import SchemaError
from issuer.store.base import Base
from issuer.store.triggers import texts

if TYPE_CHECKING:
    # Imported where steps are taken: every command opens a database, and most wait for
    # nothing else as long as for this.
    from alembic.config import Config
    from alembic.script import ScriptDirectory

_VERSIONS: Final = "alembic_version"
_COLUMNS: Final = {
    "sqlite": "SELECT m.name, c.name"
    " FROM sqlite_master AS m, pragma_table_xinfo(m.name) AS c WHERE m.type = 'table'",
    "postgresql": "SELECT c.relname, a.attname"
    " FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid"
    " WHERE c.relnamespace = current_schema()::regnamespace"
    " AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped",
}
_INDEXES: Final = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'index'",
    "postgresql": "SELECT relname FROM pg_class"
    " WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('i', 'I')",
}
_TRIGGERS: Final = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'",
    # One that was switched off says nothing; of the others, what it does.
    "postgresql": "SELECT t.tgname,"
    " CASE WHEN t.tgenabled IN ('O', 'A') THEN p.prosrc END"
    " FROM pg_trigger AS t JOIN pg_proc AS p ON p.oid = t.tgfoid"
    " WHERE NOT t.tgisinternal",
}


def check(connection: Connection) -> None:
    """Refuse a database whose shape is not the one that this version works with.

    Compared are its revision, its tables and their columns and indexes, by name, and
    its triggers with what they do: what a person may have dropped, switched off or put
    there by hand is noticed as well.

    Raises:
        SchemaError: The message names the first difference.
    """
    found = revision(connection)
    if found is None:
        raise SchemaError("the database holds no back office yet")
    head = newest()
    if found != head:
        known = {script.revision for script in _scripts(connection).walk_revisions()}
        age = "an older" if found in known else "an unknown or newer"
        raise SchemaError(
            f"the database is at {age} revision, {found} instead of {head}"
        )
    _check_columns(connection)
    _check_triggers(connection)


def check_is_empty(connection: Connection) -> None:
    """Refuse a database that holds any table.

    Raises:
        SchemaError: It does.
    """
    tables = inspect(connection).get_table_names()
    if tables:
        raise SchemaError(f"the database is not empty: it has {tables[0]}")


def upgrade(connection: Connection) -> None:
    """Take every step from the revision that the database has to the newest.

    Raises:
        SchemaError: Its revision is none that this version knows.
    """
    found = revision(connection)
    scripts = _scripts(connection)
    if found and found not in {each.revision for each in scripts.walk_revisions()}:
        raise SchemaError(f"the database is at an unknown or newer revision, {found}")
    if found is None and inspect(connection).get_table_names():
        raise SchemaError("the database holds tables of something else")
    from alembic import command  # noqa: PLC0415

    command.upgrade(_config(connection), "head")


def _check_columns(connection: Connection) -> None:
    # By names alone: every command waits for this, and the inspector reads far more.
    dialect = connection.dialect.name
    columns = defaultdict[str, set[str]](set)
    for table, column in connection.execute(text(_COLUMNS[dialect])):
        columns[table].add(column)
    indexes = set(connection.execute(text(_INDEXES[dialect])).scalars())
    for wanted in Base.metadata.tables.values():
        if wanted.name not in columns:
            raise SchemaError(f"the database lacks the table {wanted.name}")
        names = {column.name for column in wanted.columns}
        _check_names(f"columns of {wanted.name}", names, columns[wanted.name])
        missing = {str(index.name) for index in wanted.indexes} - indexes
        if missing:
            raise SchemaError(f"the database lacks the index {min(missing)}")


def _check_names(what: str, wanted: set[str], found: set[str]) -> None:
    if wanted != found:
        odd = min(wanted ^ found)
        raise SchemaError(f"the database differs in the {what}: {odd}")


def _check_triggers(connection: Connection) -> None:
    dialect = connection.dialect.name
    rows = connection.execute(text(_TRIGGERS[dialect]))
    found: dict[str, str | None] = {name: says for name, says in rows}  # noqa: C416
    wanted = texts(dialect)
    if not wanted.keys() <= found.keys():
        missing = min(wanted.keys() - found.keys())
        raise SchemaError(f"the database lacks the trigger {missing}")
    _check_names("triggers", set(wanted), set(found))
    for name, says in wanted.items():
        # A step of a migration may have written it in other lines.
        if (found[name] or "").split() != says.split():
            raise SchemaError(f"the database differs in the trigger {name}")


def revision(connection: Connection) -> str | None:
    """Return the revision of a database; None if it has none."""
    if not inspect(connection).has_table(_VERSIONS):
        return None
    rows = connection.execute(text(f"SELECT version_num FROM {_VERSIONS}"))  # noqa: S608
    return rows.scalars().one_or_none()


def newest() -> str:
    """Return the revision of this version's shape, from the names of its steps."""
    folder = resources.files("issuer.store").joinpath("migrations", "versions")
    steps = (each.name for each in folder.iterdir() if each.name.endswith(".py"))
    return max(name[1:5] for name in steps if name[:1] == "s")


def _scripts(connection: Connection) -> "ScriptDirectory":
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    return ScriptDirectory.from_config(_config(connection))


def _config(connection: Connection) -> "Config":
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    folder = resources.files("issuer.store").joinpath("migrations")
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
