"""Rows of an XLSX workbook: openpyxl reads its cells, one row in memory at a time.

Its own read-only mode keeps every text that cells share, and an element of each row; here the texts
are in a temporary database of SQLite's, and rows are built one by one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from openpyxl.cell.text import Text
from openpyxl.packaging.manifest import Manifest
from openpyxl.reader.excel import ExcelReader
from openpyxl.styles.stylesheet import apply_stylesheet
from openpyxl.utils.escape import unescape
from openpyxl.worksheet._reader import DATA_TAG, ROW_TAG, WorkSheetParser
from openpyxl.xml.constants import SHARED_STRINGS, SHEET_MAIN_NS

from app.features.transfers.incoming.archives import Archive
from app.features.transfers.incoming.tables import (
    MOST_COLUMNS,
    Row,
    Table,
    Unreadable,
    cell_error,
    is_blank,
)

STRING_TAG, STRINGS_TAG = f"{{{SHEET_MAIN_NS}}}si", f"{{{SHEET_MAIN_NS}}}sst"
# What a float of Excel's has of whole numbers.
_EXACT = 2**53
