"""What stops a command."""

from __future__ import annotations


class Refused(Exception):
    """What is wrong, and what to do about it."""

    def __init__(self, what: str, *do: str) -> None:
        super().__init__(what)
        self.do = do

    def __str__(self) -> str:
        return "\n".join([self.args[0], *(f"  {each}" for each in self.do)])
