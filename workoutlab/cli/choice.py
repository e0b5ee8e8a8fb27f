"""Commands about kinds of network: ``choose`` and ``crossover``."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from workoutlab.cli.console import JsonOption, LabOption, SchedulerOption, WorkersOption, running
from workoutlab.cli.models import (
    DeviceOption,
    ExerciseOption,
    GroupOption,
    LengthOption,
    RateOption,
    StepOption,
    TrimOption,
    UserOption,
    check_report,
    make_plan,
)
from workoutlab.cli.recipes import (
    DROPOUT_KEEP,
    BatchOption,
    DropoutOption,
    EpochsOption,
    HiddenOption,
    InputsChoice,
    InputsOption,
    LearningRateOption,
    OptimizerChoice,
    OptimizerOption,
    ScalingOption,
    ScheduleChoice,
    ScheduleOption,
    make_recipe,
)

__all__ = ["choose", "crossover"]


class CriterionChoice(StrEnum):
    """What kinds are compared by."""

    windows = "windows"
    error = "error"
    loss = "loss"
    muvr = "muvr"


class ProtocolChoice(StrEnum):
    """What the common network does not know."""

    set = "set"
    person = "person"


KindOption = Annotated[
    list[str] | None,
    typer.Option("--kind", help="common, fine-tuned, own or ensemble; repeatable. All by default."),
]
FoldsOption = Annotated[int, typer.Option(min=2, help="Folds of validation, by set.")]
CriterionOption = Annotated[
    CriterionChoice, typer.Option(help="What kinds are compared by, on held-out sets.")
]
MarginOption = Annotated[
    float,
    typer.Option(min=0, help="Standard errors by which a kind must be better than a simpler one."),
]
LeastOption = Annotated[
    int, typer.Option(min=1, help="With fewer held-out sets: the common network.")
]


def choose(  # noqa: PLR0913  one parameter an option
    lab: LabOption,
    name: Annotated[str, typer.Option(help="Name of the models in the lab.")] = "exercise",
    kind: KindOption = None,
    folds: FoldsOption = 3,
    criterion: CriterionOption = CriterionChoice.windows,
    margin: MarginOption = 0,
    least_sets: LeastOption = 6,
    renew: Annotated[
        bool, typer.Option("--renew", help="Train the common network, and all, on what is new.")
    ] = False,
    inputs: InputsOption = InputsChoice.statistics,
    hidden: HiddenOption = "250,50",
    epochs: EpochsOption = 10,
    optimizer: OptimizerOption = OptimizerChoice.sgd,
    learning_rate: LearningRateOption = None,
    batch: BatchOption = 30,
    schedule: ScheduleOption = ScheduleChoice.constant,
    scaling: ScalingOption = None,
    dropout_keep: DropoutOption = DROPOUT_KEEP,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the training.")] = 0,
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
    """Choose for each person between the common network, one of their own, and what lies between.

    Each kind is tried on sets that it has not seen, the common network included. A run that is
    repeated after new recordings came trains only those people; --renew trains the common network
    and everybody. The exit status is 1 if anybody failed.
    """
    with running(json, scheduler=scheduler, workers=workers) as output:
        from workoutlab.recognition.kinds.choice import choose as choose_kinds

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
        result = choose_kinds(
            windows,
            recipe,
            name=name,
            renew=renew,
            folds=folds,
            criterion=criterion.value,
            margin=margin,
            least_sets=least_sets,
            progress=not json,
            **_kinds(kind),
        )
        output.result(result, {"lab": lab, **result.as_dict()})
        if not result.ok:
            raise typer.Exit(1)


def crossover(  # noqa: PLR0913  one parameter an option
    lab: LabOption,
    protocol: Annotated[
        ProtocolChoice,
        typer.Option(help="What the common network does not know: test sets, or the person."),
    ] = ProtocolChoice.set,
    count: Annotated[
        list[int] | None,
        typer.Option("--count", help="Labelled sets of each exercise; repeatable. 1, 2, 4, 8."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Number of splits.")] = 3,
    report: Annotated[
        Path | None, typer.Option(help="Write a self-contained HTML report to this file.")
    ] = None,
    kind: KindOption = None,
    folds: FoldsOption = 3,
    criterion: CriterionOption = CriterionChoice.windows,
    margin: MarginOption = 0,
    least_sets: LeastOption = 6,
    inputs: InputsOption = InputsChoice.statistics,
    hidden: HiddenOption = "250,50",
    epochs: EpochsOption = 10,
    optimizer: OptimizerOption = OptimizerChoice.sgd,
    learning_rate: LearningRateOption = None,
    batch: BatchOption = 30,
    schedule: ScheduleOption = ScheduleChoice.constant,
    scaling: ScalingOption = None,
    dropout_keep: DropoutOption = DROPOUT_KEEP,
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
    """Measure from how many labelled sets on a person is served better by a personal network.

    Tested on sets that no network and no choice has seen. Nothing is kept in the lab.
    """
    with running(json, scheduler=scheduler, workers=workers) as output:
        from workoutlab.recognition.kinds.crossing import crossover as measure_crossover

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
        result = measure_crossover(
            windows,
            recipe,
            protocol.value,
            counts=count or (1, 2, 4, 8),
            seeds=seeds,
            folds=folds,
            criterion=criterion.value,
            margin=margin,
            least_sets=least_sets,
            progress=not json,
            **_kinds(kind),
        )
        output.result(result, result.as_dict())
        if report is not None:
            output.say(f"Report: {result.save_html(report)}")


def _kinds(kinds: list[str] | None) -> dict[str, Any]:
    return {"kinds": kinds} if kinds else {}
