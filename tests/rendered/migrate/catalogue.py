"""Constructions of a revision, each of a kind that was once got wrong; killed, undone and split.

What they have in common is in the database before (`BASE`). `check` is a question whose answer is
the same however often the revision was interrupted.
"""

# ruff: noqa: S608 - SQL in revisions of the tests' own
from __future__ import annotations

from dataclasses import dataclass

EVERY = ("sqlite", "postgresql", "mariadb", "mysql")
SERVERS = EVERY[1:]
ON_MYSQL = ("mariadb", "mysql")
POSTGRESQL = ("postgresql",)

BASE = """
op.create_table(
    "users",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(50), nullable=False),
    sa.Column("age", sa.Integer),
    sa.Column("email", sa.String(50)),
    sa.Column("status", sa.String(10)),
)
op.create_table("notes", sa.Column("id", sa.Integer, primary_key=True), sa.Column("text", sa.Text))
op.create_table("other", sa.Column("id", sa.Integer, primary_key=True), sa.Column("text", sa.Text))
op.create_table(
    "log",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("what", sa.String(50)),
    sa.Column("user_id", sa.Integer),
    sa.Column("at", sa.DateTime),
)
op.execute("insert into users (id, name, age) values (1, 'a', 10), (2, 'b', 20), (3, 'c', 30)")
op.execute("insert into notes (text) values ('one')")
op.execute("insert into other (id, text) values (1, 'another')")
"""
# What comes in the middle, so that on MySQL something stays of what was before it.
CUT = 'op.create_table("cut", sa.Column("id", sa.Integer, primary_key=True))\n'
# The same where only a block of autocommit lets something stay.
BLOCK = """
with op.get_context().autocommit_block():
    op.create_index("ix_cut", "users", ["age"], postgresql_concurrently=True)
"""
BOTH = BLOCK + CUT
LOG = 'sa.table("log", sa.column("id"), sa.column("what"), sa.column("user_id"), sa.column("at"))'


@dataclass(frozen=True)
class Construction:
    """What upgrade() does, and where."""

    up: str
    databases: tuple[str, ...] = EVERY
    check: str = "select sum(age) from users"
    # Where it was begun, it cannot go on: it says so, and `undo` and `upgrade` do.
    refuses: bool = False


def text(*statements: str) -> str:
    return "\n".join(f"op.execute(sa.text({one!r}))" for one in statements)


def raw(*statements: str) -> str:
    return "\n".join(f"op.get_bind().exec_driver_sql({one!r})" for one in statements)


ADD_TEN = text("update users set age = age + 10")
CATALOGUE = {
    "columns": Construction(
        """
op.add_column("users", sa.Column("nick", sa.String(50)))
op.execute("update users set nick = name, age = age + 1")
with op.batch_alter_table("users") as users:
    users.alter_column("nick", existing_type=sa.String(50), type_=sa.String(80), nullable=False)
    users.alter_column(
        "name", existing_type=sa.String(50), existing_nullable=False, new_column_name="full_name"
    )
    users.add_column(sa.Column("score", sa.Integer, server_default="0"))
    users.drop_column("email")
op.execute("update users set age = age * 2")
"""
    ),
    "tables and keys": Construction(
        """
op.create_table(
    "audit",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id", name="fk_audit_user")),
)
op.execute("insert into audit (id, user_id) select id, id from users")
with op.batch_alter_table("log") as log:
    log.create_foreign_key("fk_log_user", "users", ["user_id"], ["id"])
op.create_index("ix_users_age", "users", ["age"])
with op.batch_alter_table("users") as users:
    users.create_check_constraint("ck_users_age", "age < 100000")
    users.create_unique_constraint("uq_users_name", ["name"])
op.drop_index("ix_users_age", "users")
"""
    ),
    "renames": Construction('op.rename_table("notes", "remarks")\n' + ADD_TEN + "\n" + CUT),
    "rows between": Construction(f"{ADD_TEN}\n{CUT}{ADD_TEN}{BLOCK}{ADD_TEN}"),
    "autocommit": Construction(
        f"""
{ADD_TEN}
with op.get_context().autocommit_block():
    op.execute("update users set age = age * 3")
    op.create_index("ix_users_name", "users", ["name"], postgresql_concurrently=True)
    op.execute("insert into notes (id, text) values (4, 'in a block')")
{ADD_TEN}
"""
    ),
    "session and savepoint": Construction(
        f"""
from sqlalchemy.orm import Session
with Session(op.get_bind()) as session:
    session.execute(sa.text("update users set age = age + 1"))
    with session.begin_nested():
        session.execute(sa.text("update users set age = age + 10"))
    try:
        with session.begin_nested():
            session.execute(sa.text("update users set age = age + 100"))
            raise ValueError
    except ValueError:
        pass
    session.commit()
{BOTH}{ADD_TEN}
"""
    ),
    "an error that is caught": Construction(
        f"""
bind = op.get_bind()
try:
    with bind.begin_nested():
        bind.execute(sa.text("insert into users (id, name) values (1, 'again')"))
except sa.exc.IntegrityError:
    bind.execute(sa.text("update users set age = age + 1000"))
{BOTH}{text("delete from users where id = 1")}
{ADD_TEN}
"""
    ),
    "procedure, trigger and view": Construction(
        text(
            "create procedure doubles() begin update users set age = age * 2; end",
            "call doubles()",
            "create trigger tr before insert on notes for each row set new.text = 'set'",
            "insert into notes (id, text) values (7, 'never')",
            "create view grown as select id from users where age > 30",
            "create table copies as select id, name from users",
            "alter table copies add extra integer",
        ),
        ON_MYSQL,
    ),
    "a procedure that commits": Construction(
        ADD_TEN
        + "\n"
        + text(
            "create procedure saves() begin update users set age = age * 2; commit; end",
            "update users set age = age + 1",
            "call saves()",
            "update users set age = age + 1",
        ),
        ON_MYSQL,
        refuses=True,
    ),
    "functions, triggers and views": Construction(
        text(
            "create function twice(integer) returns integer language sql as 'select $1 * 2'",
            "create view grown as select id, twice(age) as age from users",
            "create materialized view counted as select count(*) from users",
        )
        + BLOCK
        + text("update users set age = twice(age)"),
        POSTGRESQL,
    ),
    "truncate": Construction(
        text("truncate table notes", "insert into notes (id, text) values (9, 'new')") + "\n" + CUT,
        SERVERS,
    ),
    "sequence": Construction(
        text(
            "create sequence numbers start with 7",
            "update users set age = age + 1 where id = 1 and nextval(numbers) > 0",
            "alter table notes add n integer",
            "insert into notes (text, n) values ('new', nextval(numbers) * 0)",
        ),
        ("mariadb",),
        "select count(*) from notes",
    ),
    "the id of an insert": Construction(
        f"""
log = {LOG}
new = op.get_bind().execute(sa.table("notes", sa.column("text")).insert().values(text="new"))
note = sa.Table("notes", sa.MetaData(), autoload_with=op.get_bind())
made = op.get_bind().execute(note.insert().values(text="newer")).inserted_primary_key[0]
{BOTH}
op.get_bind().execute(log.insert().values(id=1, what="made", user_id=made))
""",
        check="select count(*) from log join notes on notes.id = user_id where text = 'newer'",
    ),
    "returned rows": Construction(
        f"""
made = op.get_bind().execute(sa.text(
    "insert into notes (text) select name from users where id < 3 returning id"
)).scalars().all()
{BOTH}
for number, id_ in enumerate(made, 1):
    op.get_bind().execute(sa.text(
        "insert into log (id, what, user_id) values (:n, 'made', :i)"), dict(n=number, i=id_))
""",
        ("sqlite", "postgresql", "mariadb"),
        "select count(*) from log join notes on notes.id = user_id",
    ),
    "last_insert_id in a variable": Construction(
        text("insert into notes (text) values ('mine')", "set @mine = last_insert_id()")
        + f"\n{CUT}"
        + text("insert into log (id, what, user_id) values (1, 'mine', @mine)"),
        ON_MYSQL,
        "select count(*) from log join notes on notes.id = user_id where text = 'mine'",
    ),
    "a loop over what is empty": Construction(
        f"""
op.add_column("users", sa.Column("slug", sa.String(50)))
bind = op.get_bind()
for id_ in bind.execute(sa.text("select id from users where slug is null order by id")).scalars():
    bind.execute(sa.text("update users set slug = :s where id = :i"), dict(s=f"s{{id_}}", i=id_))
{BLOCK}
for id_ in bind.execute(sa.text("select id from users where email is null")).scalars():
    bind.execute(sa.text("update users set email = 'x' where id = :i"), dict(i=id_))
    op.execute("create table if not exists loops (id integer)")
op.create_unique_constraint("uq_slug", "users", ["slug"]) if bind.dialect.name != "sqlite" else 0
"""
    ),
    "a loop until nothing is left": Construction(
        f"""
one = sa.text("update users set status = 'new' where id ="
              " (select m from (select min(id) as m from users where status is null) as t)")
op.get_bind().execute(one)
{BOTH}
while op.get_bind().execute(one).rowcount:
    op.execute("create table if not exists loops (id integer)")
"""
    ),
    "uuid4 as a parameter": Construction(
        f"""
import uuid
op.create_table("parents", sa.Column("id", sa.Uuid, primary_key=True))
op.create_table("children", sa.Column("parent", sa.Uuid, sa.ForeignKey("parents.id")))
parents, children = (sa.table(name, sa.column(column, sa.Uuid))
                     for name, column in (("parents", "id"), ("children", "parent")))
for number in range(2):
    id_ = uuid.uuid4()
    op.get_bind().execute(parents.insert().values(id=id_))
    op.execute(f"create table t{{number}} (id integer)")
    op.get_bind().execute(children.insert().values(parent=id_))
{BLOCK}
op.get_bind().execute(children.insert().values(parent=id_))
""",
        check="select count(*) from children join parents on parents.id = parent",
    ),
    "now as a parameter": Construction(
        f"""
import datetime
now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None, microsecond=0)
log = {LOG}
op.get_bind().execute(log.insert().values(id=1, what="first", at=now))
{BOTH}
op.get_bind().execute(log.insert().values(id=2, what="second", at=now))
""",
        check="select count(distinct at), count(*) from log",
    ),
    "a temporary table": Construction(
        text(
            "create temporary table kept as select id, age from users",
            "update users set age = age + 10",
        )
        + BLOCK
        + CUT
        + text("update users set age = (select k.age from kept k where k.id = users.id) + 1"),
        SERVERS,
        refuses=True,
    ),
    "names swapped": Construction(
        text(
            "rename table notes to away, other to notes, away to other",
            "insert into notes (id, text) values (5, 'five')",
            "alter table notes add x integer",
            "rename table notes to away, other to notes, away to other",
        ),
        ON_MYSQL,
        "select count(*) from notes",
    ),
    "a cursor of the driver's": Construction(
        f"""
cursor = op.get_bind().connection.cursor()
cursor.execute("update users set age = age + 10")
cursor.execute("create table drivers (id integer)")
cursor.execute("select max(age) from users")
most = cursor.fetchone()[0]
{BLOCK}
cursor.execute(f"insert into drivers values ({{most}})")
cursor.execute("update users set age = age + 1")
""",
        check="select max(id) from drivers",
    ),
    "alembic_version in a comment": Construction(
        text(
            "update users set age = age + 10 /* alembic_version */",
            "-- alembic_journal\ncreate table told (id integer)",
            "update users set age = age * 2 -- migrate_backfill",
        )
        + f"\n{BLOCK}{ADD_TEN}"
    ),
    "an index beside its readers, in another schema": Construction(
        text("create schema elsewhere", "create table elsewhere.t (id integer, n integer)")
        + """
with op.get_context().autocommit_block():
    op.create_index("ix_t", "t", ["n"], schema="elsewhere", postgresql_concurrently=True)
    op.execute("create index concurrently on elsewhere.t (id)")
    op.drop_index("ix_t", "t", schema="elsewhere", postgresql_concurrently=True)
    op.execute("reindex table concurrently users")
op.execute("insert into elsewhere.t values (1, 1)")
""",
        POSTGRESQL,
        "select count(*) from elsewhere.t",
    ),
    "a block of code": Construction(
        f"""
{ADD_TEN}
with op.get_context().autocommit_block():
    op.execute("do $$ begin update users set age = age + 10; end $$")
    op.execute("create index concurrently ix on users (name)")
    op.execute("set work_mem = '5MB'; update users set age = age + 1")
{ADD_TEN}
""",
        POSTGRESQL,
    ),
    "an enumeration": Construction(
        """
state = sa.Enum("new", "old", name="state")
op.add_column("notes", sa.Column("n", sa.Integer))
state.create(op.get_bind(), checkfirst=True)
op.add_column("users", sa.Column("state", state))
with op.get_context().autocommit_block():
    op.execute("alter type state add value if not exists 'gone'")
op.execute("update users set state = 'gone' where id = 1")
""",
        POSTGRESQL,
    ),
    "vacuum": Construction(
        f"""
{ADD_TEN}
with op.get_context().autocommit_block():
    op.execute('vacuum users')
{ADD_TEN}
""",
        POSTGRESQL,
    ),
    "a function that writes": Construction(
        text(
            "create function adds() returns integer language sql as"
            " 'update users set age = age + 10 returning 1'",
            "select adds()",
        )
        + BLOCK
        + text("select adds()"),
        POSTGRESQL,
    ),
    "a function of MySQL that writes": Construction(
        text(
            "create function adds() returns integer reads sql data"
            " begin update users set age = age + 10; return 1; end",
            "select adds()",
            "create table cut (id integer)",
            "do adds()",
            "create table later (id integer)",
            "set @a = adds()",
        ),
        ON_MYSQL,
    ),
    "names in quotes": Construction(
        """
op.create_table("my-table", sa.Column("id", sa.Integer, primary_key=True))
op.create_table("order", sa.Column("id", sa.Integer, primary_key=True), sa.Column("a b", sa.Text))
op.add_column("my-table", sa.Column("select", sa.Integer))
op.create_index("ix order", "order", ["id"])
op.execute("update users set age = age + 10")
op.drop_index("ix order", "order")
"""
        + BLOCK,
    ),
    "another schema": Construction(
        """
from sqlalchemy import inspect
schema = op.get_bind().exec_driver_sql("select database()").scalar() + "_other"
op.execute(f"create database {schema}")
op.create_table("t", sa.Column("id", sa.Integer, primary_key=True), schema=schema)
op.add_column("t", sa.Column("n", sa.Integer), schema=schema)
op.execute(f"insert into {schema}.t values (1, 1)")
op.execute("update users set age = age + 10")
op.create_table("cut", sa.Column("id", sa.Integer))
""",
        ON_MYSQL,
    ),
    "many rows at once": Construction(
        f"""
log = {LOG}
op.bulk_insert(log, [dict(id=n, what="first") for n in range(1, 5)])
{BOTH}
op.bulk_insert(log, [dict(id=n, what="second") for n in range(5, 9)])
op.get_bind().execute(sa.text("update log set what = :w where id = :i"),
                      [dict(w="third", i=1), dict(w="third", i=7)])
""",
        check="select count(*) from log",
    ),
    "what is looked up": Construction(
        f"""
columns = {{c["name"] for c in sa.inspect(op.get_bind()).get_columns("users")}}
if "extra" not in columns:
    op.add_column("users", sa.Column("extra", sa.Integer))
{BLOCK}
if "extra" not in columns:
    op.execute("update users set extra = age, age = age + 10")
"""
    ),
}
