"""Benchmarks: contenders take turns on the same work, in one run, and ratios are reported.

Run ``python -m tests.benchmarks NAME [--full] [--peers]``.
"""
