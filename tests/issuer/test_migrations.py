"""The steps of the database: what they make is what the models say, no more."""

import re
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import BigInteger, Connection, Integer, create_engine, text

from issuer.store import Base, Store
from issuer.store.schema import newest
from issuer.store.triggers import statements
from tests.components import needs
from tests.databases import PostgreSQL

POSTGRESQL = (
    "SELECT table_name, column_name, data_type, character_maximum_length, is_nullable,"
    " is_identity, column_default FROM information_schema.columns"
    " WHERE table_schema = 'public' AND table_name <> 'alembic_version'",
    "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE conname NOT LIKE 'alembic%' AND connamespace = 'public'::regnamespace",
    "SELECT indexname, indexdef FROM pg_indexes"
    " WHERE schemaname = 'public' AND tablename <> 'alembic_version'",
    "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    "SELECT proname, prosrc FROM pg_proc WHERE proname = 'abtc_refuse'",
)


def make_from_models(connection: Connection) -> None:
    Base.metadata.create_all(connection)
    for statement in statements(connection.dialect.name):
        connection.execute(text(statement))


def test_r6_the_steps_make_what_the_models_say(tmp_path: Path) -> None:
    stepped, modelled = (f"sqlite:///{tmp_path / name}" for name in ("a.db", "b.db"))
    Store.create(stepped).close()
    engine = create_engine(modelled)
    with engine.begin() as connection:
        make_from_models(connection)
    engine.dispose()
    assert sqlite_shape(stepped) == sqlite_shape(modelled)


def test_w12_every_column_that_names_a_record_holds_any_number_of_one() -> None:
    """A number that is too large finds nothing; it must not fail in the database."""
    narrow = [
        f"{table.name}.{column.name}"
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if column.foreign_keys
        and isinstance(column.type, Integer)
        and not isinstance(column.type, BigInteger)
        and column.name != "list_number"  # which the format bounds
    ]
    assert narrow == []


def test_r6_the_newest_step_is_the_one_that_is_asked_for() -> None:
    """The name of a step begins with its revision; what it follows is in the step."""
    config = Config()
    config.set_main_option("script_location", "issuer:store/migrations")
    assert newest() == ScriptDirectory.from_config(config).get_current_head()


def sqlite_shape(url: str) -> set[tuple[str, ...]]:
    engine = create_engine(url)
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        ).all()
    engine.dispose()
    return {
        (kind, name, *sorted(parts(sql)))
        for kind, name, sql in rows
        if name != "alembic_version"
    }


def parts(statement: str) -> list[str]:
    """Cut a statement at the commas outside of parentheses: their order is nothing."""
    inner = re.fullmatch(r"(CREATE TABLE \w+) \((.*)\)", " ".join(statement.split()))
    if inner is None:
        return [" ".join(statement.split())]
    found, depth = [""], 0
    for letter in inner[2]:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            found.append("")
        else:
            found[-1] += letter
    return [inner[1], *(each.strip() for each in found)]


@needs("PostgreSQL")
def test_r6_the_steps_make_what_the_models_say_in_postgresql(
    postgresql_server: PostgreSQL,
) -> None:
    stepped, modelled = postgresql_server.empty(), postgresql_server.empty()
    Store.create(stepped).close()
    engine = create_engine(modelled)
    with engine.begin() as connection:
        make_from_models(connection)
    engine.dispose()
    assert postgresql_shape(stepped) == postgresql_shape(modelled)


def postgresql_shape(url: str) -> list[set[str]]:
    engine = create_engine(url)
    with engine.connect() as connection:
        shape = [
            {
                " ".join(" | ".join(map(str, row)).split())
                for row in connection.execute(text(query))
            }
            for query in POSTGRESQL
        ]
    engine.dispose()
    return shape
