"""What a transfer must be, told when it is declared."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import literal_column, types

from app.features.transfers.declared import declared
from app.modules.profiles import transfers
from app.modules.profiles.transfers import PROFILES


def test_a_module_s_transfers_are_found() -> None:
    assert declared() == {"profiles": PROFILES}


def test_two_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfers, "OTHERS", replace(PROFILES), raising=False)
    with pytest.raises(ValueError, match="two transfers are called profiles"):
        declared()


@pytest.mark.parametrize("name", ["", "Profiles", "pro-files", "../profiles"])
def test_a_name_is_one_of_paths_and_files(name: str) -> None:
    with pytest.raises(ValueError, match="is no name"):
        replace(PROFILES, name=name)


@pytest.mark.parametrize("key", [(), ("id",)])
def test_a_key_is_of_the_row(key: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="its key is no fields of its row"):
        replace(PROFILES, key=key)


def test_a_column_that_no_file_has_a_place_for_is_refused() -> None:
    strange = literal_column("1", types.NullType()).label("version")
    rows = PROFILES.listing.rows
    others = [each for each in rows.selected_columns if each.key != "version"]
    listing = replace(PROFILES.listing, rows=rows.with_only_columns(*others, strange))
    with pytest.raises(TypeError, match="has no text: add it to"):
        replace(PROFILES, listing=listing)
