"""What a stack's members compute: windows, layers, losses and dropped units on a device.

Members differ in the number of windows and of classes, in how many units they drop and in their
seeds. The axis of members holds those still in training, in any order.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workoutlab.learning.architectures import ConvNet
from workoutlab.learning.layers import Convolution, Layer, backward, forward, make_layers
from workoutlab.learning.losses import Losses
from workoutlab.learning.members import Prepared
from workoutlab.learning.randomness import hash_positions, make_key, mask_units, unit_bits
from workoutlab.learning.weights import Floats, Layers, find_spread

__all__ = ["LearnBlock", "Program", "Table"]

Ends = tuple[bool, bool]
"""Whether a block is the first of a step, and the last."""
LearnBlock = Callable[[int, tuple[Tensor, Tensor], Ends], None]
"""Takes a layer's number, the factors of its gradient, and which block they come from."""

_NUMBERS: Final = {"cpu": 2**21, "cuda": 2**28}
"""Numbers that a block of rows makes in a layer: few enough for a core's cache, or a GPU."""
_LEAST_ROWS: Final = 64
_DRAWN: Final = 2**26
"""Weights that are drawn at a time."""


class Table:
    """Windows of each member, padded to the same number.

    Parameters
    ----------
    rows
        Of each member, in the order of the members, counted through all windows of the stack.
    weights
        What each window counts for, which comes to 1 in each member; by default all the same.
    """

    def __init__(
        self,
        rows: Sequence[npt.NDArray[np.int64]],
        weights: Sequence[npt.NDArray[np.floating]] | None,
        device: torch.device,
    ) -> None:
        self.counts = np.array([len(each) for each in rows])
        self.longest = int(self.counts.max(initial=0))
        padded = np.zeros((len(rows), self.longest), np.int64)
        shares = np.zeros((len(rows), self.longest), np.float32)
        for place, each in enumerate(rows):
            padded[place, : len(each)] = each
            shares[place, : len(each)] = (
                1 / max(len(each), 1) if weights is None else weights[place]
            )
        self.rows = torch.from_numpy(padded).to(device)
        self.shares = torch.from_numpy(shares).to(device)


class Program:
    """Computes losses and gradients of members.

    Parameters
    ----------
    members
        The members, all of one shape but for the number of classes.
    device
        Where.
    """

    def __init__(self, members: Sequence[Prepared], device: torch.device) -> None:
        network, inputs = members[0].training.network, members[0].inputs.shape[1]
        self.members, self.device = members, device
        self.layers: list[Layer] = make_layers(network, inputs)
        self.outputs = max(member.shapes[-1][1] for member in members)
        self.classes = max(member.classes for member in members)
        self._load_windows()
        units = [layer.units for layer in self.layers]
        self._columns = list(np.cumsum([0, *units]))
        self._units = torch.from_numpy(unit_bits(max(sum(units), 1))).to(device)
        keys = [make_key(member.seed, "dropout") for member in members]
        self._all_keys = torch.tensor(keys, dtype=torch.int32, device=device)
        self._all_keeps = np.array([member.training.network.dropout_keep for member in members])
        self._width = max(
            inputs, *(_count_numbers(layer, shape) for layer, shape in self._pair_shapes())
        )
        self.settle(range(len(members)))

    def _pair_shapes(self) -> Iterator[tuple[Layer, tuple[int, int]]]:
        return zip(self.layers, self.members[0].shapes, strict=True)

    def _load_windows(self) -> None:
        """Put windows on the device, those that members share once."""
        arrays: dict[int, int] = {}
        inputs: list[Floats] = []
        targets: list[npt.NDArray[np.int64]] = []
        total = 0
        for member in self.members:
            for own, classes in (
                (member.inputs, member.targets),
                (member.held_inputs, member.held_targets),
            ):
                if id(own) not in arrays:
                    arrays[id(own)] = total
                    inputs.append(own)
                    targets.append(classes)
                    total += len(own)
        self._firsts = arrays
        values = torch.empty(total, inputs[0].shape[1], device=self.device)
        for part, own in zip(
            torch.split(values, [len(own) for own in inputs]), inputs, strict=True
        ):
            part.copy_(torch.from_numpy(own))
        network = self.members[0].training.network
        if isinstance(network, ConvNet):  # sample after sample instead of channel after channel
            values = values.view(total, network.channels, -1).transpose(1, 2).reshape(total, -1)
        self._inputs = values
        hot = torch.eye(self.classes)[torch.from_numpy(np.concatenate(targets))]
        # Two classes under a logistic link share one output, the chance of the second.
        self._hot = hot[:, -self.outputs :].contiguous().to(self.device)

    def list_training(self) -> Table:
        """Return the windows of an epoch of each member, rare classes repeated."""
        rows = [member.rows + self._firsts[id(member.inputs)] for member in self.members]
        return Table(rows, None, self.device)

    def list_distinct(self) -> Table:
        """Return each training window of each member once, weighted by its repetitions."""
        rows, weights = [], []
        for member in self.members:
            times = np.bincount(member.rows, minlength=len(member.inputs))
            rows.append(np.arange(len(member.inputs)) + self._firsts[id(member.inputs)])
            weights.append(times / times.sum())
        return Table(rows, weights, self.device)

    def list_held(self) -> Table:
        """Return the held-out windows of each member."""
        held = (
            np.arange(len(member.held_inputs)) + self._firsts[id(member.held_inputs)]
            for member in self.members
        )
        return Table(list(held), None, self.device)

    def load(self) -> list[Tensor]:
        """Return the parameters of each layer that training starts from."""
        members, stacks = self.members, []
        for number, (layer, (inputs, outputs)) in enumerate(self._pair_shapes()):
            outputs = self.outputs if number == len(self.layers) - 1 else outputs
            stack = torch.empty(len(members), inputs + 1, outputs, device=self.device)
            some = max(_DRAWN // (inputs * outputs), 1)
            for first in range(0, len(members), some):
                stack[first : first + some] = self._draw(
                    number, members[first : first + some], outputs
                )
            for place, member in enumerate(members):
                if member.initial is not None:
                    matrix = torch.from_numpy(np.asarray(member.initial[number], np.float32))
                    stack[place, :, : matrix.shape[1]] = matrix.to(self.device)
            # Each row's place among those that the layer computes with.
            rows = layer.load(np.arange(inputs + 1, dtype=np.float32)[:, None])[:, 0]
            if (np.diff(rows) != 1).any():
                stack = stack[:, torch.from_numpy(rows.astype(np.int64)).to(self.device)]
            stacks.append(stack)
        return stacks

    def _draw(self, number: int, members: Sequence[Prepared], outputs: int) -> Tensor:
        """Return what :func:`draw_weights` draws for a layer, drawn where it is needed."""
        inputs = members[0].shapes[number][0]
        keys = [make_key(member.seed, "weights", number) for member in members]
        own = np.array([[[member.shapes[number][1]]] for member in members], np.int32)
        spread = [
            find_spread(member.training.network.init, *member.shapes[number]) for member in members
        ]
        bounds, biases = torch.tensor(spread, device=self.device).unbind(dim=1)
        owned = torch.from_numpy(own).to(self.device)
        columns = torch.arange(outputs, dtype=torch.int32, device=self.device)
        rows = torch.arange(inputs, dtype=torch.int32, device=self.device)[:, None]
        bits = hash_positions(
            torch.tensor(keys, dtype=torch.int32, device=self.device),
            (rows * owned + columns).flatten(1),
        )
        bits >>= 8
        drawn = bits.view(len(members), inputs, outputs).to(torch.float32).mul_(2.0**-23)
        drawn.mul_(bounds[:, None, None])
        biased = biases[:, None, None].expand(-1, 1, outputs)
        return torch.cat([drawn, biased], dim=1).mul_(columns < owned)

    def store(self, member: Prepared, parameters: Sequence[npt.NDArray[np.float32]]) -> Layers:
        """Return the layers of a member's network from its parameters."""
        pairs = zip(self.layers, parameters, strict=True)
        layers = [np.ascontiguousarray(layer.store(matrix)) for layer, matrix in pairs]
        layers[-1] = np.ascontiguousarray(layers[-1][:, : member.shapes[-1][1]])
        return layers

    def settle(self, places: Sequence[int]) -> None:
        """Make these members those that the axis of members holds from now on."""
        if not len(places):
            return
        self._losses = Losses([self.members[place] for place in places], self.outputs, self.device)
        keeps = self._all_keeps[np.asarray(places)]
        self._keep = torch.from_numpy(keeps) if np.ptp(keeps) else float(keeps[0])
        self._drops = bool((keeps < 1).any()) and self._columns[-1] > 0

    def differentiate(
        self,
        parameters: Sequence[Tensor],
        rows: Tensor,
        shares: Tensor,
        bits: Tensor,
        learn: LearnBlock,
    ) -> Tensor:
        """Hand gradients to `learn`, and return the weighted loss of each member.

        Parameters
        ----------
        parameters
            Of each layer.
        rows, shares
            Shape (member, row): windows, and what each counts for.
        bits
            The same: :meth:`draw_rows`, which decide what units are dropped.
        learn
            Takes each layer's factors; parameters may change in the last block.
        """
        total = rows.shape[1]
        size = self._count_rows(len(rows), total)
        loss = torch.zeros(len(rows), dtype=torch.float64, device=self.device)
        for start in range(0, total, size):
            part = slice(start, start + size)
            ends = (start == 0, start + size >= total)
            masks = self._draw_masks(bits[:, part])
            scores, traces = forward(self.layers, self._inputs[rows[:, part]], parameters, masks)
            losses, errors = self._losses.differentiate(scores, self._hot[rows[:, part]])
            loss += (losses * shares[:, part]).sum(dim=1)
            errors.mul_(shares[:, part, None])

            def take(layer: int, left: Tensor, right: Tensor, ends: Ends = ends) -> None:
                learn(layer, (left, right), ends)

            backward(self.layers, errors, parameters, traces, take)
        return loss

    def judge(
        self, parameters: Sequence[Tensor], places: Sequence[int], table: Table
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return loss and error of some members on a table's windows, nothing dropped."""
        chosen = torch.tensor(list(places), device=self.device)
        rows, shares = table.rows[chosen], table.shares[chosen]
        losses = Losses([self.members[place] for place in places], self.outputs, self.device)
        sums = torch.zeros(2, len(rows), dtype=torch.float64, device=self.device)
        size = self._count_rows(len(rows), table.longest)
        for start in range(0, table.longest, size):
            part = rows[:, start : start + size]
            nothing = [None] * len(self.layers)
            scores, _ = forward(self.layers, self._inputs[part], parameters, nothing)
            for place, values in enumerate(losses.judge(scores, self._hot[part])):
                sums[place] += (values * shares[:, start : start + size]).sum(dim=1)
        loss, error = sums.cpu().numpy()
        return loss, error

    def draw_rows(self, places: Sequence[int], firsts: Sequence[int], count: int) -> Tensor:
        """Return random bits of so many rows of some members, from a position in each on."""
        start = torch.tensor(list(firsts), device=self.device)[:, None]
        keys = self._all_keys[torch.tensor(list(places), device=self.device)]
        return hash_positions(keys, start + torch.arange(count, device=self.device))

    def _draw_masks(self, bits: Tensor) -> list[Tensor | None]:
        masks: list[Tensor | None] = [None] * len(self.layers)
        if not self._drops:
            return masks
        mask = mask_units(bits, self._units, self._keep)
        for number, layer in enumerate(self.layers):
            if layer.units:
                masks[number] = mask[..., self._columns[number] : self._columns[number + 1]]
        return masks

    def _count_rows(self, members: int, rows: int) -> int:
        most: int = _NUMBERS.get(self.device.type, 2**28) // (members * self._width)
        return max(min(max(most, _LEAST_ROWS), rows), 1)


def _count_numbers(layer: Layer, shape: tuple[int, int]) -> int:
    places = layer.places if isinstance(layer, Convolution) else 1
    return max(shape) * places
