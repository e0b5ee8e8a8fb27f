"""Which kind of network a person gets, from what held-out sets say: pure functions of figures.

A person has few held-out sets, so that the kind with the fewest of them wrong is often the luckiest
rather than the best. What the cohort says helps: over all people, kind k gains so much on the
common network (mean m), and people differ in that gain (variance t²). One person's own gain d, over
n held-out sets, is known with a variance v = s²/n, s² being the variance of the paired differences
of sets, pooled over people because a few sets of one person tell no variance. With normal errors
the best estimate of that person's gain is

    (m / t² + d / v) / (1 / t² + 1 / v),

the mean of the posterior: few sets, and the cohort decides; many, and the person does. Where people
do not differ by more than chance (t² = 0) all get the kind that is best for the cohort. Choosing
the kind of the highest posterior mean has the lowest expected error of all rules, if the prior is
right [1]_ [2]_; m and t² are estimated by moments, as in random-effects meta-analysis [3]_. A rule
that takes each person's lowest error, or the simplest kind within one standard error of it [4]_,
does not know the cohort.

Measured on recordings of 23 people's watches (geotec: five activities, windows of 1 s,
statistics, MLP 250-50, 3 splits by set, 1 to 16 labelled sets of each activity, 3 folds of
validation): mean error per set of the kind chosen by this rule, and of each kind for everybody.

======================= ====== ========== ==== ======== ======
left out                common fine-tuned own  ensemble chosen
======================= ====== ========== ==== ======== ======
sets                    12.3   11.6       16.6 10.9     10.6
people                  16.8   10.2       16.6 11.1     10.5
mean of both            14.6   10.9       16.6 11.0     10.6
======================= ====== ========== ==== ======== ======

With one set of each activity nothing can be validated, and the common network is taken; where
people are left out that costs the 0.3 points to the fine-tuned one.

The column of the chosen kind is slightly optimistic: rule and default settings (criterion, margin)
were picked among others by this error, on these very splits. Within a split no choice sees the test
sets. Differences of 0.3 points are noise.

Of fewer than three people no variance between people can be told, nor of a kind that nobody could
be tried with; there a kind is taken over a simpler one if the person's own gain is higher by more
than one standard error.

References
----------
.. [1] C. Morris (1983), "Parametric empirical Bayes inference: theory and applications", Journal
   of the American Statistical Association 78 (381), 47-55.
.. [2] B. Efron, C. Morris (1975), "Data analysis using Stein's estimator and its generalizations",
   Journal of the American Statistical Association 70 (350), 311-319.
.. [3] R. DerSimonian, N. Laird (1986), "Meta-analysis in clinical trials", Controlled Clinical
   Trials 7 (3), 177-188.
.. [4] L. Breiman, J. Friedman, R. Olshen, C. Stone (1984), "Classification and regression trees",
   Wadsworth, section 3.4.3.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError

__all__ = ["KINDS", "Decision", "Evidence", "Prior", "check_kinds", "decide", "estimate_prior"]

KINDS: Final = ("common", "fine-tuned", "own", "ensemble")
"""From simple to complex: what is as good as another, and stands before it, is taken."""

_LEAST_PEOPLE: Final = 3

_SENTENCES: Final = {
    "error": "{loss} of {sets} wrong",
    "windows": "{loss} of windows wrong, mean of {sets}",
    "loss": "loss {loss}, mean of {sets}",
    "muvr": "{loss} short of Muvr's best sum, {sets}",
}
"""What a loss says, by criterion."""

Floats = npt.NDArray[np.float64]


def check_kinds(kinds: Sequence[str]) -> tuple[str, ...]:
    """Return the kinds, simplest first.

    Raises
    ------
    InputError
        If one is unknown, or the common network, with which all are compared, is not among them.

    Examples
    --------
    >>> check_kinds(["own", "common"])
    ('common', 'own')
    """
    listed = isinstance(kinds, list | tuple)
    if not listed or set(kinds) - set(KINDS) or "common" not in kinds:
        raise InputError(
            f"kinds: expected 'common' and some of {', '.join(KINDS[1:])}, got {kinds!r}"
        )
    return tuple(kind for kind in KINDS if kind in kinds)


@dataclass(frozen=True)
class Evidence:
    """What a person's held-out sets say of each kind of network.

    Parameters
    ----------
    sets
        How many were held out.
    losses
        Mean loss of each kind over them; the lower the better. The share wrong, say.
    squares
        Of each kind but the common one: sum over the sets of the squared deviations, from their
        mean, of the differences between its loss and the common network's.
    """

    sets: int
    losses: Mapping[str, float] = field(default_factory=dict)
    squares: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, losses: Mapping[str, npt.ArrayLike]) -> "Evidence":
        """Summarize the loss of each kind in each held-out set.

        Parameters
        ----------
        losses
            For each kind an array of shape (set,), the same sets in the same order.

        Examples
        --------
        >>> Evidence.of({"common": [1, 1, 0, 0], "own": [0, 0, 0, 0]})
        Evidence(sets=4, losses={'common': 0.5, 'own': 0.0}, squares={'own': 1.0})
        """
        values = {kind: np.asarray(of, np.float64) for kind, of in losses.items()}
        common = values["common"]
        if not len(common):
            return cls(0)
        gains = {kind: common - of for kind, of in values.items() if kind != "common"}
        return cls(
            sets=len(common),
            losses={kind: float(of.mean()) for kind, of in values.items()},
            squares={kind: float(((of - of.mean()) ** 2).sum()) for kind, of in gains.items()},
        )

    def gain(self, kind: str) -> float:
        """How much lower the loss is than the common network's."""
        return self.losses["common"] - self.losses[kind]

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, as JSON takes it."""
        return {"sets": self.sets, "losses": dict(self.losses), "squares": dict(self.squares)}


@dataclass(frozen=True)
class Prior:
    """What a cohort says of the kinds' gains on the common network.

    Parameters
    ----------
    people
        How many it is of.
    mean
        Mean gain of each kind.
    between
        Variance of each kind's gain between people.
    within
        Variance of each kind's difference between sets of one person.
    """

    people: int
    mean: Mapping[str, float] = field(default_factory=dict)
    between: Mapping[str, float] = field(default_factory=dict)
    within: Mapping[str, float] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, as JSON takes it."""
        return {
            "people": self.people,
            "mean": dict(self.mean),
            "between": dict(self.between),
            "within": dict(self.within),
        }


def estimate_prior(cohort: Sequence[Evidence]) -> Prior:
    """Estimate how much each kind gains, and how much people differ in that.

    Parameters
    ----------
    cohort
        Of each person; those without held-out sets say nothing.

    Examples
    --------
    >>> ann = Evidence.of({"common": [1, 0, 1, 0], "own": [0, 0, 1, 0]})
    >>> estimate_prior([ann, ann, ann]).mean
    {'own': 0.25}
    """
    cohort = [each for each in cohort if each.sets]
    kinds = [kind for kind in KINDS if any(kind in each.squares for each in cohort)]
    figures = {kind: _pool([each for each in cohort if kind in each.squares], kind)
               for kind in kinds}  # fmt: skip
    mean, between, within = ({kind: figures[kind][place] for kind in kinds} for place in range(3))
    return Prior(len(cohort), mean, between, within)


def _pool(cohort: Sequence[Evidence], kind: str) -> tuple[float, float, float]:
    """Return mean gain, variance between people, and variance between sets of one person."""
    gains = np.array([each.gain(kind) for each in cohort])
    sets = np.array([each.sets for each in cohort], np.float64)
    within = sum(each.squares[kind] for each in cohort) / max((sets - 1).sum(), 1)
    if within <= 0:  # all sets of one person gain the same: what a person says is certain
        return float(gains.mean()), float(gains.var()), 0.0
    between = _between(gains, within / sets)
    weights = 1 / (within / sets + between)
    return float((weights * gains).sum() / weights.sum()), between, float(within)


def _between(gains: Floats, variances: Floats) -> float:
    """Return the variance between people that chance does not explain (DerSimonian, Laird)."""
    weights = 1 / variances
    total = weights.sum()
    spread = (weights * (gains - (weights * gains).sum() / total) ** 2).sum()
    scale = total - (weights**2).sum() / total
    return float(max(0.0, (spread - (len(gains) - 1)) / scale)) if scale > 0 else 0.0


@dataclass(frozen=True)
class Decision:
    """Which kind of network a person gets, and why.

    Parameters
    ----------
    kind
        One of :data:`KINDS`.
    reason
        A sentence.
    gains
        What each kind is estimated to gain on the common network.
    """

    kind: str
    reason: str
    gains: Mapping[str, float] = field(default_factory=dict)


def decide(
    evidence: Evidence,
    prior: Prior,
    *,
    margin: float = 0.0,
    least_sets: int = 1,
    criterion: str = "error",
) -> Decision:
    """Choose a kind for one person.

    Parameters
    ----------
    evidence
        The person's.
    prior
        The cohort's, of :func:`estimate_prior`.
    margin
        A kind is taken over a simpler one only if its estimated gain is higher by more than this
        many standard errors; 0 chooses the lowest expected error.
    least_sets
        With fewer held-out sets the person gets the common network.
    criterion
        What the losses are, one of :data:`~workoutlab.recognition.kinds.kinds.CRITERIA`: the reason
        says so.

    Examples
    --------
    >>> sets = {"common": [1, 1, 0, 0] * 5, "own": [0, 1, 0, 0] * 5}
    >>> ann = Evidence.of(sets)
    >>> decide(ann, estimate_prior([ann] * 4)).reason
    'own: 25.0 % of 20 held-out sets wrong, common 50.0 %'
    """
    if evidence.sets < max(least_sets, 1):
        return Decision("common", f"common: {_count(evidence.sets)}, fewer than {least_sets}")
    gains, best = {"common": 0.0}, "common"
    for kind in [kind for kind in KINDS if kind in evidence.squares]:
        alone = prior.people < _LEAST_PEOPLE or kind not in prior.within
        gains[kind], error = (_estimate_alone if alone else _estimate)(evidence, prior, kind)
        if gains[kind] - gains[best] > max(margin, float(alone)) * error + 1e-12:
            best = kind
    return Decision(best, _explain(best, evidence, criterion), gains)


def _estimate(evidence: Evidence, prior: Prior, kind: str) -> tuple[float, float]:
    """Return the posterior mean of a kind's gain, and its standard deviation."""
    variance = prior.within[kind] / evidence.sets
    between = prior.between[kind]
    if not variance + between:
        return evidence.gain(kind), 0.0
    trust = between / (between + variance)
    gain = trust * evidence.gain(kind) + (1 - trust) * prior.mean[kind]
    return gain, math.sqrt(trust * variance)


def _estimate_alone(evidence: Evidence, prior: Prior, kind: str) -> tuple[float, float]:
    """Return a person's own gain and its standard error, of the person's sets where need be."""
    within = prior.within.get(kind)
    if within is None:
        free = evidence.sets - 1
        within = evidence.squares[kind] / free if free else math.inf
    return evidence.gain(kind), math.sqrt(within / evidence.sets)


def _explain(kind: str, evidence: Evidence, criterion: str) -> str:
    figures = {
        kind: f"{loss:.3f}" if criterion == "loss" else f"{100 * loss:.1f} %"
        for kind, loss in evidence.losses.items()
    }
    said = _SENTENCES[criterion].format(loss=figures.pop(kind), sets=_count(evidence.sets))
    if not figures:
        return f"{kind}: no other kind could be tried; {said}"
    return ", ".join([f"{kind}: {said}", *(f"{other} {loss}" for other, loss in figures.items())])


def _count(sets: int) -> str:
    return f"{sets} held-out set{'' if sets == 1 else 's'}"
