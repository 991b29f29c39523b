"""Machines: bringing this computer to a project's pins. Facts, then a plan, then the plan applied."""
