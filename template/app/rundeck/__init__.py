"""Rundeck: a job for each command of an operator, made from the commands themselves."""
