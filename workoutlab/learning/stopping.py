"""Early stopping: when a network is as good on held-out windows as it will be."""

from dataclasses import dataclass, field

__all__ = ["Stopping"]


@dataclass
class Stopping:
    """Watches the loss on held-out windows.

    Parameters
    ----------
    patience
        Epochs without a lower loss after which to stop; None for never.

    Examples
    --------
    >>> stopping = Stopping(patience=2)
    >>> [stopping.improves(loss) for loss in (3.0, 2.0, 2.5, 2.0)], stopping.ended
    ([True, True, False, False], True)
    """

    patience: int | None
    best: float = field(default=float("inf"))
    waited: int = 0

    def improves(self, loss: float) -> bool:
        """Take the loss after an epoch, and return whether it is the lowest so far."""
        if loss < self.best:
            self.best, self.waited = loss, 0
            return True
        self.waited += 1
        return False

    @property
    def ended(self) -> bool:
        """Whether to stop."""
        return self.patience is not None and self.waited >= self.patience
