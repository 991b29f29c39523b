"""A new module for a project's domain: its names and fields, the files it becomes, adding them.

`names`, `fields`, `domain` and `plan` decide; `add` is the only one that changes anything.
"""
