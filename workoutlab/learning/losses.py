"""Losses of a stack's scores, and their derivatives.

Under softmax a row's loss is the cross-entropy, minus the logarithm of the chance of its class.
Under logistic outputs it is the sum of the outputs' binary cross-entropies.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softplus

from workoutlab.learning.members import Prepared

__all__ = ["Losses"]

_IMPOSSIBLE: Final = -1e30
"""The score of a class that a member does not have."""


class Losses:
    """The loss of each of some members, which may have different numbers of classes.

    Parameters
    ----------
    members
        The members, of networks with the same link.
    outputs
        Outputs of the stack: the most that a member has.
    device
        Where they are computed.
    """

    def __init__(self, members: Sequence[Prepared], outputs: int, device: torch.device) -> None:
        self._logistic = getattr(members[0].training.network, "link", "softmax") == "logistic"
        has = np.stack([np.arange(outputs) < member.shapes[-1][1] for member in members])
        smoothing = np.array([member.training.smoothing for member in members])
        # A logistic output tells two classes apart, a softmax all of them.
        spread = has / 2 if self._logistic else has / has.sum(axis=1, keepdims=True)
        self._smooth = bool(smoothing.any())
        self._has = torch.from_numpy(has.astype(np.float32))[:, None].to(device)
        self._possible = torch.where(self._has > 0, 0.0, _IMPOSSIBLE)
        added = (spread * smoothing[:, None]).astype(np.float32)
        self._added = torch.from_numpy(added)[:, None].to(device)
        self._kept = torch.from_numpy((1 - smoothing).astype(np.float32))[:, None, None].to(device)

    def differentiate(self, scores: Tensor, hot: Tensor) -> tuple[Tensor, Tensor]:
        """Return each row's loss, shape (member, row), and its derivative by the scores.

        Parameters
        ----------
        scores
            Shape (member, row, output); changed.
        hot
            The same, 1 for the class of the row.
        """
        count = len(scores)
        targets = hot * self._kept[:count] + self._added[:count] if self._smooth else hot
        if self._logistic:
            losses = (softplus(scores) - targets * scores) * self._has[:count]
            errors = torch.sigmoid(scores).sub_(targets).mul_(self._has[:count])
            return losses.sum(dim=2), errors
        logs = torch.log_softmax(scores.add_(self._possible[:count]), dim=2)
        return -(targets * logs).sum(dim=2), torch.exp(logs).sub_(targets)

    def judge(self, scores: Tensor, hot: Tensor) -> tuple[Tensor, Tensor]:
        """Return each row's loss without smoothing, and 1 where another class is found, else 0."""
        count = len(scores)
        possible = scores + self._possible[:count]
        if not self._logistic:
            losses = -(hot * torch.log_softmax(possible, dim=2)).sum(dim=2)
        else:
            losses = ((softplus(scores) - hot * scores) * self._has[:count]).sum(dim=2)
        if self._logistic and scores.shape[2] == 1:
            wrong = (scores[..., 0] > 0) != (hot[..., 0] > 0)
        else:
            wrong = possible.argmax(dim=2) != hot.argmax(dim=2)
        return losses, wrong.to(losses.dtype)
