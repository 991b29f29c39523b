"""Revisions that are dangerous on a table with rows, and some that look so and are not."""

from __future__ import annotations

NEW = """
op.create_table(
    "t", sa.Column("id", sa.Integer, primary_key=True), sa.Column("n", sa.Integer)
)
"""
# What upgrade() does, by what it is; on which kind of database, and lint's code for it.
DANGEROUS: dict[str, tuple[str, str, str]] = {
    "raw drop of a column": (
        "M20",
        "postgresql",
        """
op.execute("ALTER TABLE t DROP COLUMN n")
""",
    ),
    "raw drop of a table": (
        "M20",
        "mysql",
        """
op.execute("DROP TABLE IF EXISTS t")
""",
    ),
    "truncate": (
        "M20",
        "postgresql",
        """
op.execute("TRUNCATE t")
""",
    ),
    "a drop among other changes": (
        "M20",
        "postgresql",
        """
op.execute("ALTER TABLE t ADD COLUMN m int, DROP COLUMN n")
""",
    ),
    "raw rename of a column": (
        "M21",
        "postgresql",
        """
op.execute("ALTER TABLE t RENAME COLUMN a TO b")
""",
    ),
    "raw rename of a table": (
        "M21",
        "postgresql",
        """
op.execute("ALTER TABLE t RENAME TO u")
""",
    ),
    "rename by MySQL's CHANGE": (
        "M21",
        "mysql",
        """
op.execute("ALTER TABLE t CHANGE a b INTEGER")
""",
    ),
    "raw NOT NULL column": (
        "M22",
        "postgresql",
        """
op.execute("ALTER TABLE t ADD COLUMN n int NOT NULL")
""",
    ),
    "raw SET NOT NULL": (
        "M23",
        "postgresql",
        """
op.execute("ALTER TABLE t ALTER COLUMN n SET NOT NULL")
""",
    ),
    "raw change of type": (
        "M24",
        "postgresql",
        """
op.execute("ALTER TABLE t ALTER COLUMN n TYPE bigint")
""",
    ),
    "raw MODIFY": (
        "M24",
        "mysql",
        """
op.execute("ALTER TABLE t MODIFY n BIGINT NOT NULL")
""",
    ),
    "a narrower text": (
        "M24",
        "postgresql",
        """
op.alter_column("t", "n", type_=sa.String(10), existing_type=sa.String(20))
""",
    ),
    "a text beyond one byte of length": (
        "M24",
        "mysql",
        """
op.alter_column("t", "n", type_=sa.String(300), existing_type=sa.String(20), existing_nullable=True)
""",
    ),
    "volatile default": (
        "M27",
        "postgresql",
        """
op.add_column("t", sa.Column("n", sa.Uuid, server_default=sa.text("gen_random_uuid()")))
""",
    ),
    "default by a function of one's own": (
        "M27",
        "postgresql",
        """
op.add_column("t", sa.Column("n", sa.Integer, server_default=sa.text("next_number()")))
""",
    ),
    "stored generated column": (
        "M27",
        "postgresql",
        """
op.add_column("t", sa.Column("n", sa.Integer, sa.Computed("m * 2", persisted=True)))
""",
    ),
    "identity": (
        "M27",
        "postgresql",
        """
op.add_column("t", sa.Column("n", sa.Integer, sa.Identity(), nullable=False))
""",
    ),
    "json column": (
        "M28",
        "postgresql",
        """
op.add_column("t", sa.Column("n", sa.JSON()))
""",
    ),
    "raw index": (
        "M30",
        "postgresql",
        """
op.execute("CREATE UNIQUE INDEX x ON t (n)")
""",
    ),
    "index dropped": (
        "M30",
        "postgresql",
        """
op.drop_index("x", "t")
""",
    ),
    "raw index in a transaction": (
        "M31",
        "postgresql",
        """
op.execute("CREATE INDEX CONCURRENTLY x ON t (n)")
""",
    ),
    "raw check": (
        "M32",
        "postgresql",
        """
op.execute("ALTER TABLE t ADD CONSTRAINT c CHECK (n > 0)")
""",
    ),
    "foreign key of a new column": (
        "M32",
        "postgresql",
        """
op.add_column("t", sa.Column("n", sa.Integer, sa.ForeignKey("u.id", name="f")))
""",
    ),
    "foreign key on MySQL": (
        "M32",
        "mysql",
        """
op.create_foreign_key("f", "t", "u", ["n"], ["id"])
""",
    ),
    "unique constraint": (
        "M33",
        "postgresql",
        """
op.create_unique_constraint("c", "t", ["n"])
""",
    ),
    "primary key": (
        "M33",
        "postgresql",
        """
op.create_primary_key("c", "t", ["n"])
""",
    ),
    "exclusion": (
        "M33",
        "postgresql",
        """
op.create_exclude_constraint("c", "t", ("n", "&&"), using="gist")
""",
    ),
    "VACUUM FULL": (
        "M34",
        "postgresql",
        """
with op.get_context().autocommit_block():
    op.execute("VACUUM FULL t")
""",
    ),
    "LOCK TABLE": (
        "M34",
        "postgresql",
        """
op.execute("LOCK TABLE t IN EXCLUSIVE MODE")
""",
    ),
    "another character set": (
        "M34",
        "mysql",
        """
op.execute("ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4")
""",
    ),
    "update by the connection": (
        "M10",
        "postgresql",
        """
op.get_bind().execute(sa.text("UPDATE t SET n = 1"))
""",
    ),
    "update by the driver's SQL": (
        "M10",
        "postgresql",
        """
op.get_bind().exec_driver_sql("UPDATE t SET n = 1")
""",
    ),
    "WHERE 1=1": (
        "M10",
        "postgresql",
        """
op.execute("DELETE FROM t WHERE 1=1")
""",
    ),
    "update in a block": (
        "M10",
        "postgresql",
        """
op.execute("DO $$ BEGIN UPDATE t SET n = 1; END $$")
""",
    ),
    "update after a question": (
        "M10",
        "postgresql",
        """
for row in op.get_bind().execute(sa.text("SELECT 1")).all():
    op.execute("UPDATE t SET n = %d" % row.n)
""",
    ),
    "a generator": (
        "M05",
        "postgresql",
        """
yield op.execute("UPDATE t SET n = 1")
""",
    ),
    "ROLLBACK in a text": (
        "M01",
        "postgresql",
        """
op.execute("SELECT 1; ROLLBACK")
""",
    ),
    "PREPARE TRANSACTION": (
        "M01",
        "postgresql",
        """
op.execute("PREPARE TRANSACTION 'x'")
""",
    ),
}
# Nothing is found in these; those in NEW's table come after it.
HARMLESS: dict[str, tuple[str, str]] = {
    "now() as a default": (
        "postgresql",
        """
op.add_column("t", sa.Column("n", sa.DateTime, server_default=sa.func.now(), nullable=False))
""",
    ),
    "now() in what is printed": (
        "postgresql",
        """
import time
print(time.monotonic(), 'now()')
""",
    ),
    "rows of a new table": (
        "postgresql",
        NEW
        + """
op.bulk_insert(sa.table("t", sa.column("id")), [{"id": 1}])
""",
    ),
    "raw rows of a new table": (
        "postgresql",
        NEW  # noqa: S608
        + """
op.execute("INSERT INTO t (id) VALUES (1)")
op.execute("UPDATE t SET n = 1")
""",
    ),
    "a longer text": (
        "postgresql",
        """
op.alter_column("t", "n", type_=sa.String(40), existing_type=sa.String(20), existing_nullable=True)
""",
    ),
    "a longer text of MySQL": (
        "mysql",
        """
op.alter_column("t", "n", type_=sa.String(40), existing_type=sa.String(20), existing_nullable=True)
""",
    ),
    "text instead of varchar": (
        "postgresql",
        """
op.alter_column("t", "n", type_=sa.Text(), existing_type=sa.String(20), existing_nullable=True)
""",
    ),
    "a column without a value": (
        "postgresql",
        """
op.add_column("t", sa.Column("n", sa.Integer))
""",
    ),
    "a constant default": (
        "postgresql",
        """
op.add_column("t", sa.Column("n", sa.Integer, server_default="3", nullable=False))
""",
    ),
    "constraints of a new table": (
        "postgresql",
        NEW
        + """
op.create_index("x", "t", ["n"])
op.create_unique_constraint("u", "t", ["n"])
op.create_foreign_key("f", "t", "u", ["n"], ["id"])
""",
    ),
    "index beside the readers": (
        "postgresql",
        """
with op.get_context().autocommit_block():
    op.create_index("x", "t", ["n"], postgresql_concurrently=True)
""",
    ),
    "index dropped beside the readers": (
        "postgresql",
        """
with op.get_context().autocommit_block():
    op.drop_index("x", "t", postgresql_concurrently=True)
""",
    ),
    "foreign key not valid yet": (
        "postgresql",
        """
op.create_foreign_key("f", "t", "u", ["n"], ["id"], postgresql_not_valid=True)
""",
    ),
    "validation": (
        "postgresql",
        """
op.execute("ALTER TABLE t VALIDATE CONSTRAINT c")
""",
    ),
    "a few rows": (
        "postgresql",
        """
op.execute("UPDATE t SET n = 1 WHERE id = 3")
""",
    ),
    "no NOT NULL any more": (
        "postgresql",
        """
op.alter_column("t", "n", nullable=True, existing_type=sa.Integer())
""",
    ),
    "another default": (
        "postgresql",
        """
op.alter_column("t", "n", server_default="4")
""",
    ),
    "a view": (
        "postgresql",
        """
op.execute("CREATE VIEW v AS SELECT id FROM t")
""",
    ),
    "a function that updates": (
        "postgresql",
        """
op.execute("CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'UPDATE t SET n = 1'")
""",
    ),
    "a comment": (
        "postgresql",
        """
op.execute("COMMENT ON TABLE t IS 'DROP TABLE t'")
""",
    ),
    "a setting": (
        "postgresql",
        """
op.execute("SET LOCAL lock_timeout = '1s'")
""",
    ),
    "a virtual column": (
        "mysql",
        """
op.add_column("t", sa.Column("n", sa.Integer, sa.Computed("m * 2", persisted=False)))
""",
    ),
}
