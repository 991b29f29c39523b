"""The envelope of every successful answer."""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

from pydantic import BaseModel

T = TypeVar("T")


class SuccessModel(BaseModel, Generic[T]):
    """What was asked for, under `data`. Failures are problem documents instead."""

    success: Literal[True] = True
    data: T
