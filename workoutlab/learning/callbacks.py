"""What may listen while networks are trained.

Callbacks see plain records and change nothing, so a network does not depend on who listens.
"""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["Callback", "Listeners", "Record"]

Record = Mapping[str, Any]
"""Plain values by name."""


class Callback:
    """Listens to the training of networks; override what is of interest.

    Every record has ``key``, whose network it is. Callbacks go to where a network is trained, so
    they must be picklable to be used on a cluster.

    Examples
    --------
    >>> class Losses(Callback):
    ...     def epoch_ends(self, record):
    ...         print(record["epoch"], round(record["loss"], 1))
    """

    def fit_begins(self, record: Record) -> None:
        """Hear of a network whose training begins; ``windows``, ``steps`` (at most), ``epochs``."""

    def fit_ends(self, record: Record) -> None:
        """Hear of a network that is trained; ``steps``, ``epochs`` and ``history``."""

    def epoch_begins(self, record: Record) -> None:
        """Hear of an epoch that begins; ``epoch``, from 0 on."""

    def epoch_ends(self, record: Record) -> None:
        """Hear of an epoch that ended.

        ``epoch``, ``loss`` (mean over its windows, as they were trained on), ``rate``, and, with
        patience, ``held_loss`` and ``held_error``: an entry of the history.
        """

    def step_begins(self, record: Record) -> None:
        """Hear of a step that begins; ``epoch``, ``step`` (from 0 in each epoch), ``rate``."""

    def step_ends(self, record: Record) -> None:
        """Hear of a step that ended; as :meth:`step_begins`, and ``loss``, its windows' mean."""


class Listeners:
    """All callbacks of a training, which are told only of what they listen to.

    Parameters
    ----------
    callbacks
        The callbacks.
    """

    def __init__(self, callbacks: Sequence[Callback] = ()) -> None:
        self._hooks = {
            name: [
                getattr(callback, name)
                for callback in callbacks
                if getattr(type(callback), name) is not getattr(Callback, name)
            ]
            for name in vars(Callback)
            if name.endswith(("_begins", "_ends"))
        }

    def hear(self, hook: str) -> bool:
        """Return whether anybody listens to a hook."""
        return bool(self._hooks[hook])

    def tell(self, hook: str, **record: Any) -> None:
        """Tell all who listen to a hook."""
        for listen in self._hooks[hook]:
            listen(record)
