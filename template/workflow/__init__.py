"""How a change becomes a version: names of branches, messages, releases (docs/workflow.md).

Nothing here needs a package: git's hooks and a pipeline run it by any Python from 3.11.
"""
