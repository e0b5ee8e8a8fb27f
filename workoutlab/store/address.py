"""Where a lab is: a folder, this process's memory, or a bucket that speaks S3."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

import icechunk

from workoutlab.errors import InputError

__all__ = ["Address"]

Kind = Literal["folder", "memory", "s3"]

_S3_OPTIONS = (
    "access_key_id",
    "allow_http",
    "anonymous",
    "endpoint_url",
    "force_path_style",
    "from_env",
    "network_stream_timeout_seconds",
    "region",
    "requester_pays",
    "secret_access_key",
    "session_token",
)


@dataclass(frozen=True)
class Address:
    """Where a lab is, and what it takes to reach it.

    ``path`` is the absolute folder, the name in memory, or ``bucket/prefix``. Options may hold
    secrets, so they are not shown.

    Examples
    --------
    >>> Address.parse("s3://gym/labs/2026")
    Address(kind='s3', path='gym/labs/2026')
    """

    kind: Kind
    path: str
    options: tuple[tuple[str, Any], ...] = field(default=(), repr=False)

    @classmethod
    def parse(cls, url: str | Path, options: Mapping[str, object] | None = None) -> "Address":
        """Parse a folder, ``memory://name`` or ``s3://bucket/prefix``.

        Raises
        ------
        InputError
            If it is something else, or an option is not known.
        """
        if not isinstance(url, str | PathLike):
            raise InputError(
                f"lab {url!r}: expected a folder, 'memory://name' or 's3://bucket/prefix'"
            )
        text = str(url)
        scheme, separator, rest = text.partition("://")
        given = tuple(sorted((options or {}).items()))
        if not separator:
            scheme, rest = "folder", str(Path(text).expanduser().absolute())
        elif scheme == "file":
            scheme, rest = "folder", str(Path(urlsplit(text).path))
        known = _S3_OPTIONS if scheme == "s3" else ()
        if scheme not in get_args(Kind) or not text or (not rest.strip("/") and scheme != "folder"):
            raise InputError(
                f"lab {text!r}: expected a folder, 'memory://name' or 's3://bucket/prefix'"
            )
        if wrong := [name for name, _ in given if name not in known]:
            raise InputError(
                f"lab {text!r}: storage option {', '.join(wrong)} is not known; "
                f"known: {', '.join(known) or 'none for this kind of lab'}"
            )
        return cls(scheme, rest if scheme == "folder" else rest.strip("/"), given)  # type: ignore[arg-type]

    @property
    def url(self) -> str:
        """The folder's path, or the URL."""
        return self.path if self.kind == "folder" else f"{self.kind}://{self.path}"

    def storage(self) -> icechunk.Storage:
        """Make Icechunk's storage for it; memory gets a new one each time."""
        if self.kind == "folder":
            return icechunk.local_filesystem_storage(self.path)
        if self.kind == "memory":
            return icechunk.in_memory_storage()
        bucket, _, prefix = self.path.partition("/")
        options = dict(self.options)
        if not {"access_key_id", "anonymous", "from_env"} & options.keys():
            options["from_env"] = True
        return icechunk.s3_storage(bucket=bucket, prefix=prefix or None, **options)
