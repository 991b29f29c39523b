"""Kinds of columns as projects declare them, decorators of their own among them; run in a render.

Each is a table of its own, so that what differs is named by its table.
"""

from __future__ import annotations

import enum
import os
import uuid

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

KIND = sa.make_url(os.environ["DATABASE_URL"]).get_backend_name()
Type = TypeEngine[object]


def decorator(name: str, impl: object, **more: object) -> type[TypeDecorator[object]]:
    """Return a type of the app's that is stored as another."""
    own = {"impl": impl, "cache_ok": True, "__module__": "app.core.database", **more}
    return type(name, (TypeDecorator,), own)


class Guid(TypeDecorator[uuid.UUID]):
    """The recipe of SQLAlchemy's manual: another type on each database."""

    impl = sa.CHAR
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Type:
        native = postgresql.UUID() if dialect.name == "postgresql" else sa.CHAR(36)
        return dialect.type_descriptor(native)


class Sized(TypeDecorator[str]):
    """What its own constructor is given reaches what it is stored as."""

    impl = sa.String
    cache_ok = True

    def __init__(self, most: int) -> None:
        super().__init__(most * 2)


class Geometry(UserDefinedType[object]):
    """A type that SQLAlchemy does not have."""

    cache_ok = True

    def __init__(self, size: int) -> None:
        self.size = size

    def get_col_spec(self, **_: object) -> str:
        return f"VARCHAR({self.size})"


class Color(enum.Enum):
    """Named in Python, stored by name."""

    RED = 1
    BLUE = 2


PRECISE = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
LONG = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
BINARY = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
EVERYWHERE: dict[str, Type] = {
    "string": sa.String(20),
    "unicode": sa.Unicode(30),
    "character": sa.CHAR(3),
    "text": sa.Text(),
    "unicode_text": sa.UnicodeText(),
    "integer": sa.Integer(),
    "small": sa.SmallInteger(),
    "big": sa.BigInteger(),
    "number": sa.Numeric(12, 4),
    "real": sa.Float(),
    "double": sa.Double(),
    "truth": sa.Boolean(),
    "checked": sa.Boolean(name="checked", create_constraint=True),
    "day": sa.Date(),
    "hour": sa.Time(),
    "moment": sa.DateTime(),
    "zoned": sa.DateTime(timezone=True),
    "interval": sa.Interval(),
    "pickled": sa.PickleType(),
    "key": sa.Uuid(),
    "text_key": sa.Uuid(native_uuid=False),
    "bytes": sa.LargeBinary(),
    "few_bytes": sa.LargeBinary(16),
    "document": sa.JSON(none_as_null=True),
    "native_enum": sa.Enum("a", "b'c", name="letter"),
    "python_enum": sa.Enum(Color, name="color"),
    "text_enum": sa.Enum("x", "y", name="axis", native_enum=False, length=9),
    "checked_enum": sa.Enum("up", "down", name="way", native_enum=False, create_constraint=True),
    "precise": PRECISE,
    "long": LONG,
    "collated": sa.String(20, collation="C" if KIND == "postgresql" else None),
    "guid": Guid(),
    "sized": Sized(25),
    "geometry": Geometry(7),
    "own_precise": decorator("Utc", PRECISE)(),
    "own_long": decorator("Long", LONG)(),
    "own_document": decorator("Document", BINARY)(),
    "own_interval": decorator("Lasting", sa.Interval)(),
    "own_enum": decorator("Level", sa.Enum("low", "high", name="level"))(),
    "own_guid": decorator("Outer", Guid())(),
    "own_sized": decorator("Short", sa.String)(11),
    "own_variant": sa.Text().with_variant(decorator("In", sa.String)(9), "sqlite"),
    "variant_of_own": decorator("Of", sa.String(5))().with_variant(sa.Text(), "mysql"),
}
OF: dict[str, dict[str, Type]] = {
    "postgresql": {
        "jsonb": postgresql.JSONB(),
        "own_jsonb": decorator("Json", postgresql.JSONB)(),
        "array": postgresql.ARRAY(sa.Text()),
        "plain_array": sa.ARRAY(sa.Integer(), dimensions=1),
        "own_array": decorator("Tags", postgresql.ARRAY(sa.Text()))(),
        "array_of_own": postgresql.ARRAY(Guid()),
        "array_of_enum": postgresql.ARRAY(postgresql.ENUM("p", "q", name="pq")),
        "inet": postgresql.INET(),
        "own_inet": decorator("Address", postgresql.INET)(),
        "range": postgresql.TSTZRANGE(),
        "vector": postgresql.TSVECTOR(),
        "bits": postgresql.BIT(7),
        "lasting": postgresql.INTERVAL(fields="DAY TO SECOND"),
        "stamp": postgresql.TIMESTAMP(timezone=True, precision=3),
    },
    "mysql": {
        "longtext": mysql.LONGTEXT(),
        "own_longtext": decorator("Very", mysql.LONGTEXT)(),
        "mediumblob": mysql.MEDIUMBLOB(),
        "unsigned": mysql.INTEGER(unsigned=True),
        "own_unsigned": decorator("Count", mysql.BIGINT(unsigned=True))(),
        "tiny": mysql.TINYINT(),
        "set": mysql.SET("a", "b"),
        "stamp": mysql.TIMESTAMP(fsp=3),
        "year": mysql.YEAR(),
        "charset": mysql.VARCHAR(9, charset="ascii", collation="ascii_bin"),
        "fine": mysql.TIME(fsp=2),
        "own_charset": decorator("Ascii", mysql.VARCHAR(9, charset="ascii"))(),
    },
    "sqlite": {},
}


def kinds() -> dict[str, Type]:
    """Return what this database can store."""
    return EVERYWHERE | OF[KIND]


def tables(metadata: sa.MetaData) -> None:
    """Map a table for each of them."""
    for name, kind in kinds().items():
        column = sa.Column("c", kind)
        sa.Table(f"t_{name}", metadata, sa.Column("id", sa.Integer, primary_key=True), column)
