"""Benchmarks: ratios measured in one run, beside what users would pick instead."""
