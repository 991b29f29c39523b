"""What a statement is to the journal."""

from __future__ import annotations

import pytest

from migrate.kit.statements import Kind, concurrent_index, kind_of, target_of

APART, CONTROL, READ, TOGETHER = Kind.APART, Kind.CONTROL, Kind.READ, Kind.TOGETHER


@pytest.mark.parametrize(
    ("sql", "postgresql", "mysql"),
    [
        ("select 1", READ, READ),
        ("-- why\n/* and how */ SET lock_timeout = 1", READ, READ),
        ("with x as (select 1) select * from x", READ, READ),
        ("with x as (select 1) insert into t select * from x", TOGETHER, TOGETHER),
        ("update t set n = 1", TOGETHER, TOGETHER),
        ("ALTER TABLE t ADD COLUMN n INTEGER", TOGETHER, APART),
        ("create table t (id int)", TOGETHER, APART),
        ("CREATE UNIQUE INDEX CONCURRENTLY x ON t (n)", APART, APART),
        ("vacuum", APART, APART),
        ("COMMIT", CONTROL, CONTROL),
        ("rollback", CONTROL, CONTROL),
        ("ROLLBACK TO SAVEPOINT a", READ, READ),
        ("lock tables t write", CONTROL, CONTROL),
        ("set autocommit = 1", CONTROL, CONTROL),
    ],
)
def test_a_statement_becomes_durable_with_its_row_or_by_itself(
    sql: str, postgresql: Kind, mysql: Kind
) -> None:
    assert kind_of(sql, "postgresql") is postgresql
    assert kind_of(sql, "mariadb") is mysql


@pytest.mark.parametrize(
    ("sql", "target"),
    [
        ("ALTER TABLE `users` ADD COLUMN n INTEGER", ("TABLE", "`users`")),
        ("\nCREATE TABLE IF NOT EXISTS a.b (id INT)", ("TABLE", "a.b")),
        ("DROP TABLE users", ("TABLE", "users")),
        ("RENAME TABLE a TO b", ("TABLE", "a")),
        ("CREATE UNIQUE INDEX x ON users (n)", ("TABLE", "users")),
        ("DROP INDEX x ON users", ("TABLE", "users")),
        ("CREATE OR REPLACE VIEW v AS SELECT 1", ("VIEW", "v")),
        ("analyze table users", None),
        ("TRUNCATE TABLE users", None),
    ],
)
def test_what_a_statement_changes_is_known_by_its_name(
    sql: str, target: tuple[str, str] | None
) -> None:
    assert target_of(sql) == target


def test_an_index_built_beside_its_readers_is_known() -> None:
    assert concurrent_index("CREATE UNIQUE INDEX CONCURRENTLY x ON t (n)") == ("create", "x")
    assert concurrent_index("DROP INDEX CONCURRENTLY IF EXISTS x") == ("drop", "x")
    assert concurrent_index("CREATE INDEX x ON t (n)") is None
