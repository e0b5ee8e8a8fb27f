"""The whole way on one page: files into a lab, a network for each person, an error figure."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from workoutlab.ingestion import IngestResult, ingest
from workoutlab.lab import Lab
from workoutlab.readers import Reader
from workoutlab.recognition import Evaluation, Recipe, TrainResult, evaluate, train
from workoutlab.signals import Windows, windows

__all__ = ["Settings", "Stages", "run"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What :func:`run` does at each stage, besides the recipe.

    Parameters
    ----------
    reader
        Reader of the files, or its name; found for each file where None.
    simulated
        Whether the simulator made the files.
    length, step, rate_hz
        Of the windows, as in :func:`workoutlab.windows`.
    name
        Of the models in the lab.
    protocol, seeds
        Of the evaluation of each person's own network, as in :func:`workoutlab.evaluate`.
    progress
        Whether to show progress, on a terminal.
    """

    reader: str | Reader | None = None
    simulated: bool = False
    length: str = "8s"
    step: str = "1s"
    rate_hz: float | None = None
    name: str = "exercise"
    protocol: str = "set"
    seeds: int = 5
    progress: bool = True


@dataclass(frozen=True)
class Stages:
    """What came of each stage of :func:`run`."""

    ingested: IngestResult
    windows: Windows
    trained: TrainResult
    evaluation: Evaluation

    @property
    def ok(self) -> bool:
        """Whether no file was rejected and nobody's training failed."""
        return self.ingested.ok and self.trained.ok


def run(
    lab: Lab, paths: str | Path | Iterable[str | Path], recipe: Recipe, settings: Settings
) -> Stages:
    """Go the whole way; run again, it stores only new recordings and trains only what changed.

    Parameters
    ----------
    lab
        Where recordings and networks go.
    paths
        Files, folders and patterns.
    recipe
        How networks are trained.
    settings
        What each stage does.

    Returns
    -------
    Stages
        The result of each.

    Raises
    ------
    WorkoutlabError
        What a stage raises; the lab keeps what earlier stages committed.
    """
    show = settings.progress
    ingested = ingest(
        lab, paths, reader=settings.reader, simulated=settings.simulated, progress=show
    )
    plan = windows(lab, length=settings.length, step=settings.step, rate_hz=settings.rate_hz)
    trained = train(plan, recipe, per="user", name=settings.name, progress=show)
    evaluation = evaluate(
        plan,
        recipe,
        protocol=settings.protocol,
        per="user",
        seeds=settings.seeds,
        progress=show,
    )
    return Stages(ingested, plan, trained, evaluation)
