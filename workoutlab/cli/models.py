"""Commands that train and judge networks: ``train`` and ``evaluate``."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workoutlab.cli.console import JsonOption, LabOption, SchedulerOption, WorkersOption, running
from workoutlab.cli.judging import (
    BaselineOption,
    ComposedOption,
    GroupsOption,
    TaskChoice,
    TaskOption,
    TemplatesChoice,
    TemplatesOption,
    check_task,
    judge_repetitions,
    judge_sets,
)
from workoutlab.cli.recipes import (
    DROPOUT_KEEP,
    BatchOption,
    CriterionOption,
    DropoutOption,
    EpochsOption,
    FoldsOption,
    HiddenOption,
    InputsChoice,
    InputsOption,
    LearningRateOption,
    OptimizerChoice,
    OptimizerOption,
    ScalingOption,
    ScheduleChoice,
    ScheduleOption,
    SearchOption,
    choose_by,
    make_recipe,
    read_search,
)
from workoutlab.errors import InputError

if TYPE_CHECKING:
    from workoutlab.recognition import Estimator, Recipe
    from workoutlab.signals import Windows

__all__ = [
    "DeviceOption",
    "ExerciseOption",
    "GroupOption",
    "LengthOption",
    "RateOption",
    "StepOption",
    "TrimOption",
    "UserOption",
    "check_report",
    "evaluate",
    "make_plan",
    "train",
]


class ModelChoice(StrEnum):
    """What recognises."""

    network = "network"
    forest = "forest"


class PerChoice(StrEnum):
    """For whom a network is trained."""

    user = "user"
    all = "all"


PerOption = Annotated[PerChoice, typer.Option(help="One network a user, or one for all of them.")]
LengthOption = Annotated[str, typer.Option(help="Length of a window, 8s or 500ms say.")]
StepOption = Annotated[str, typer.Option(help="Time from one window to the next.")]
TrimOption = Annotated[float, typer.Option(help="Share of a set left out at either end.")]
RateOption = Annotated[
    float | None,
    typer.Option("--rate", help="Resample to this rate in Hz; needed if rates differ."),
]
UserOption = Annotated[list[str] | None, typer.Option("--user", help="Only this one; repeatable.")]
DeviceOption = Annotated[
    list[str] | None, typer.Option("--device", help="Only this one; repeatable.")
]
GroupOption = Annotated[
    list[str] | None, typer.Option("--muscle-group", help="Only this one; repeatable.")
]
ExerciseOption = Annotated[
    list[str] | None, typer.Option("--exercise", help="Only this one; repeatable.")
]


def train(  # noqa: PLR0913  one parameter an option
    lab: LabOption,
    per: PerOption = PerChoice.user,
    name: Annotated[str, typer.Option(help="Name of the models in the lab.")] = "exercise",
    inputs: InputsOption = InputsChoice.statistics,
    hidden: HiddenOption = "250,50",
    epochs: EpochsOption = 10,
    optimizer: OptimizerOption = OptimizerChoice.sgd,
    learning_rate: LearningRateOption = None,
    batch: BatchOption = 30,
    schedule: ScheduleOption = ScheduleChoice.constant,
    scaling: ScalingOption = None,
    dropout_keep: DropoutOption = DROPOUT_KEEP,
    search: SearchOption = None,
    folds: FoldsOption = None,
    criterion: CriterionOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the training.")] = 0,
    gpu: Annotated[
        bool, typer.Option("--gpu", help="Train on GPUs: of workers with the resource GPU.")
    ] = False,
    length: LengthOption = "8s",
    step: StepOption = "1s",
    trim: TrimOption = 0.1,
    rate: RateOption = None,
    user: UserOption = None,
    device: DeviceOption = None,
    muscle_group: GroupOption = None,
    exercise: ExerciseOption = None,
    scheduler: SchedulerOption = None,
    workers: WorkersOption = 0,
    json: JsonOption = False,
) -> None:
    """Train a network for each person, in cohorts, and keep them in the lab.

    A run that was cut off, or that is repeated after new recordings came, trains only those whose
    network is missing or whose inputs changed. The exit status is 1 if anybody failed; everybody
    else is trained nevertheless.
    """
    with running(json, scheduler=scheduler, workers=workers) as output:
        from workoutlab import train as train_networks

        windows = make_plan(
            lab,
            {"length": length, "step": step, "trim": trim, "rate_hz": rate},
            users=user,
            devices=device,
            muscle_groups=muscle_group,
            exercises=exercise,
        )
        recipe = make_recipe(
            inputs,
            hidden,
            dropout_keep,
            epochs=epochs,
            optimizer=optimizer,
            rate=learning_rate,
            batch=batch or None,
            schedule=schedule,
            scaling=scaling,
            seed=seed,
        )
        result = train_networks(
            windows,
            recipe,
            per=per.value,
            name=name,
            search=read_search(search),
            device="cuda" if gpu else None,
            progress=not json,
            **choose_by(folds=folds, criterion=criterion),
        )
        output.result(result, {"lab": lab, **result.as_dict()})
        if not result.ok:
            raise typer.Exit(1)


def evaluate(  # noqa: PLR0913  one parameter an option
    context: typer.Context,
    lab: LabOption,
    task: TaskOption = TaskChoice.exercise,
    protocol: Annotated[
        str | None,
        typer.Option(
            help="What is left out: set, session or person. By set; with --task segment by session."
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Number of splits by set.")] = 5,
    groups: GroupsOption = None,
    composed: ComposedOption = False,
    baseline: BaselineOption = False,
    templates: TemplatesOption = TemplatesChoice.none,
    per: PerOption = PerChoice.all,
    model: Annotated[
        ModelChoice, typer.Option(help="A network, or scikit-learn's extra trees to compare.")
    ] = ModelChoice.network,
    report: Annotated[
        Path | None, typer.Option(help="Write a self-contained HTML report to this file.")
    ] = None,
    inputs: InputsOption = InputsChoice.statistics,
    hidden: HiddenOption = "250,50",
    epochs: EpochsOption = 10,
    optimizer: OptimizerOption = OptimizerChoice.sgd,
    learning_rate: LearningRateOption = None,
    batch: BatchOption = 30,
    schedule: ScheduleOption = ScheduleChoice.constant,
    scaling: ScalingOption = None,
    dropout_keep: DropoutOption = DROPOUT_KEEP,
    search: SearchOption = None,
    folds: FoldsOption = None,
    criterion: CriterionOption = None,
    length: LengthOption = "8s",
    step: StepOption = "1s",
    trim: TrimOption = 0.1,
    rate: RateOption = None,
    user: UserOption = None,
    device: DeviceOption = None,
    muscle_group: GroupOption = None,
    exercise: ExerciseOption = None,
    scheduler: SchedulerOption = None,
    workers: WorkersOption = 0,
    json: JsonOption = False,
) -> None:
    """Measure how well exercises are recognised, on sets that the network never saw.

    Whole sets, sessions or people are left out before windowing. --task segment measures how well
    sets are found, named and counted in continuous sessions, --task repetitions how well the
    repetitions of labelled sets are counted.
    """
    with running(json, scheduler=scheduler, workers=workers) as output:
        check_task(context, task)
        if task is not TaskChoice.exercise:
            check_report(report)
            filters: dict[str, Any] = {"user": user, "device": device, "baseline": baseline}
            if task is TaskChoice.repetitions:
                judge_repetitions(lab, output, report, templates=templates, **filters)
            else:
                filters |= {"seeds": seeds, "groups": groups, "composed": composed}
                judge_sets(lab, output, report, protocol=protocol or "session", **filters)
            return
        from workoutlab import evaluate as evaluate_recipe
        from workoutlab.recognition.tuning.validation import Validation

        windows = make_plan(
            lab,
            {"length": length, "step": step, "trim": trim, "rate_hz": rate},
            users=user,
            devices=device,
            muscle_groups=muscle_group,
            exercises=exercise,
        )
        recipe = make_recipe(
            inputs,
            hidden,
            dropout_keep,
            epochs=epochs,
            optimizer=optimizer,
            rate=learning_rate,
            batch=batch or None,
            schedule=schedule,
            scaling=scaling,
        )
        check_report(report)
        how = choose_by(folds=folds, criterion=criterion)
        result = evaluate_recipe(
            windows,
            recipe if model is ModelChoice.network else _forest(recipe),
            protocol=protocol or "set",
            per=per.value,
            seeds=seeds,
            progress=not json,
            search=read_search(search),
            validation=Validation(**how) if how else None,
        )
        output.result(result, result.as_dict())
        if report is not None:
            output.say(f"Report: {result.save_html(report)}")


def make_plan(lab: str, layout: Mapping[str, Any], **filters: Any) -> "Windows":
    """Plan windows over the lab at an address, laid out and filtered as options say."""
    from workoutlab import Lab, windows

    chosen = {name: names for name, names in filters.items() if names}
    return windows(Lab(lab, create=False), **layout, **chosen)


def check_report(report: Path | None) -> None:
    """Refuse a report that could not be written, before the long work."""
    if report is not None and (report.is_dir() or not report.parent.is_dir()):
        raise InputError(f"--report: expected a file in a folder that is there, got {report}")


def _forest(recipe: "Recipe") -> "Estimator":
    from sklearn.ensemble import ExtraTreesClassifier

    from workoutlab.recognition import Estimator

    return Estimator(ExtraTreesClassifier(300, n_jobs=-1), recipe.inputs)
