"""Twenty-five kinds of columns, each as it is and as it is changed to; run inside a render."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

INSTANT = sa.DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
Kind = tuple[tuple[object, ...], dict[str, object], tuple[object, ...], dict[str, object]]


def enum(*values: str, **options: object) -> sa.Enum:
    return sa.Enum(*values, **options)


# name: type and options before, type and options after (None where nothing is to be found).
KINDS: dict[str, tuple[object, dict[str, object], object, dict[str, object]]] = {
    "string": (sa.String(20), {}, sa.String(40), {}),
    "text": (sa.Text(), {}, sa.String(30), {}),
    "integer": (sa.Integer(), {}, sa.BigInteger(), {}),
    "small": (
        sa.SmallInteger(),
        {"server_default": "1"},
        sa.SmallInteger(),
        {"server_default": "2"},
    ),
    "number": (sa.Integer(), {"server_default": "0"}, sa.Integer(), {}),
    "amount": (
        sa.Numeric(10, 2),
        {"server_default": "0"},
        sa.Numeric(12, 2),
        {"server_default": "0"},
    ),
    "price": (sa.Numeric(10, 2), {}, sa.Numeric(10, 2), {"server_default": "1.50"}),
    "ratio": (sa.Float(), {"server_default": "1.5"}, sa.Float(), {"server_default": "2.5"}),
    "flag": (
        sa.Boolean(),
        {"server_default": sa.false()},
        sa.Boolean(),
        {"server_default": sa.true()},
    ),
    "active": (sa.Boolean(), {"server_default": sa.true()}, sa.Boolean(), {}),
    "empty": (sa.String(10), {"server_default": ""}, sa.String(10), {"server_default": "x"}),
    "word": (sa.String(10), {"server_default": "a'b"}, sa.String(10), {"server_default": "a"}),
    "created": (sa.DateTime(), {"server_default": sa.func.now()}, sa.DateTime(), {}),
    "instant": (INSTANT, {}, INSTANT, {"nullable": False}),
    "day": (sa.Date(), {}, sa.Date(), {"index": True}),
    "moment": (sa.Time(), {}, sa.Time(), {"unique": True}),
    "key": (sa.Uuid(), {}, sa.Uuid(), {"nullable": False}),
    "blob": (sa.LargeBinary(), {}, sa.LargeBinary(), {"nullable": False}),
    "body": (sa.JSON(), {}, sa.JSON(), {"nullable": False}),
    "settings": (sa.JSON(), {"server_default": "{}"}, sa.JSON(), {}),
    "options": (sa.JSON(), {"server_default": sa.text("('{}')")}, sa.JSON(), {}),
    "double": (sa.Integer(), {"computed": "number * 2"}, sa.Integer(), {"computed": "number * 2"}),
    "state": (enum("new", "old", name="state"), {}, enum("new", "old", "gone", name="state"), {}),
    "level": (
        enum("low", "high", name="level", native_enum=False, length=10, create_constraint=True),
        {},
        enum(
            "low", "high", "top", name="level", native_enum=False, length=10, create_constraint=True
        ),
        {},
    ),
    "color": (
        enum("red", "blue", name="color", native_enum=False, length=10),
        {"server_default": "red"},
        enum("red", "blue", name="color", native_enum=False, length=20),
        {"server_default": "blue"},
    ),
}
UNCHANGEABLE = frozenset({"double"})
# MySQL takes a default of JSON as an expression only.
NOT_ON_MYSQL = frozenset({"settings"})


def table(metadata: sa.MetaData, changed: frozenset[str], missing: frozenset[str]) -> sa.Table:
    """Return the table with these columns changed, and those missing."""
    columns = []
    for name in [name for name in KINDS if name not in missing]:
        kind, options, new_kind, new_options = KINDS[name]
        settings = dict(new_options if name in changed else options)
        computed = settings.pop("computed", None)
        extra = [sa.Computed(str(computed))] if computed else []
        own = new_kind if name in changed else kind
        columns.append(sa.Column(name, own, *extra, **settings))
    return sa.Table("kinds", metadata, sa.Column("id", sa.Integer, primary_key=True), *columns)
