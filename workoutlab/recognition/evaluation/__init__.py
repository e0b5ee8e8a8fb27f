"""Evaluation without leakage: splits, scores and reports."""
