"""Corrections: what people say of found sets becomes labels, and what that is worth."""
