"""Benchmarks: ratios between ways to do the same, measured in one run, side by side."""
