"""How a lab lies on disk: Zarr 3 arrays and tables in one Icechunk repository.

::

    layout         names, chunk sizes, codecs, and the sentinel that marks a lab
    failures       what damaged bytes raise
    arrays         arrays, opened and read many at a time
    ragged         many pieces of different length in one array
    tables         tables as one array a column
    digests        which rows hold given samples
    recordings     recordings as rows and pieces
    address        where a lab is
    disk           the file lock, and bytes that must survive a power cut
    seals          checksums of Icechunk's own files
    repository     snapshots, and the one way to write
    opening        open or create, without mistaking damage for a new lab
    lookup         the samples and sets of one recording
    erasure, export, verification (which finds problems), summary
"""
