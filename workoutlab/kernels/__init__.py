"""Numerical kernels: NumPy arrays in, NumPy arrays out; no file, graph or clock.

Kernels release the GIL, so that Dask's threads run them side by side, and start no threads of
their own.
"""
