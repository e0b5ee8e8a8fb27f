"""Readers: files in, recordings out.

A reader is found by name (:func:`get`) or by looking at a file (:func:`detect`). It checks its
files strictly and, where one is malformed, raises a :class:`~workoutlab.errors.ReaderError` that
names file, line, column, what was expected and what to do; it never returns part of a file.

- ``muvr`` reads Muvr's seven-column files: :mod:`workoutlab.readers.muvr`;
- ``tabular`` reads any CSV or Parquet file by a mapping: :mod:`workoutlab.readers.tabular`.
"""

from workoutlab.readers.mapping import read_options
from workoutlab.readers.registry import Reader, detect, get, names, read_head

__all__ = ["Reader", "detect", "get", "names", "read_head", "read_options"]
