"""How a lab lies on disk: Zarr 3 arrays and tables in one Icechunk repository.

::

    layout         names, chunk sizes, codecs, and the sentinel that marks a lab
    arrays         open and create arrays
    ragged         many pieces of different length in one array
    tables         tables as one array a column
    recordings     recordings as rows and pieces
    address        where a lab is
    disk           the file lock, and bytes that must survive a power cut
    repository     snapshots and atomic writes
    failures       what damaged bytes raise
"""
