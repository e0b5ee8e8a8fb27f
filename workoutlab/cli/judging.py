"""The tasks of ``evaluate`` besides naming windows: finding sets, and counting repetitions."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from workoutlab.cli.console import Output
from workoutlab.errors import InputError

if TYPE_CHECKING:
    from workoutlab import Lab, Recording

__all__ = [
    "BaselineOption",
    "ComposedOption",
    "GroupsOption",
    "TaskChoice",
    "TaskOption",
    "TemplatesChoice",
    "TemplatesOption",
    "check_task",
    "judge_repetitions",
    "judge_sets",
]


class TaskChoice(StrEnum):
    """What is evaluated."""

    exercise = "exercise"
    segment = "segment"
    repetitions = "repetitions"


class TemplatesChoice(StrEnum):
    """What templates of repetitions are learnt from."""

    none = "none"
    set = "set"
    session = "session"


TaskOption = Annotated[
    TaskChoice,
    typer.Option(
        help="What is evaluated: the exercise of windows and labelled sets; sets found, named and "
        "counted in continuous sessions; or the repetitions of labelled sets."
    ),
]
GroupsOption = Annotated[
    int | None,
    typer.Option(
        min=2, help="With --task segment: leave sessions or people out in this many groups."
    ),
]
ComposedOption = Annotated[
    bool,
    typer.Option(
        "--composed",
        help="With --task segment: compose sessions of the recordings that hold one set each, with "
        "the pauses of the others between.",
    ),
]
BaselineOption = Annotated[
    bool,
    typer.Option(
        "--baseline", help="With --task segment or repetitions: Muvr's rule beside it, as well."
    ),
]

TemplatesOption = Annotated[
    TemplatesChoice,
    typer.Option(
        help="With --task repetitions: what a person's counting learns from: nothing, their other "
        "sets, or their other sessions."
    ),
]

_ALWAYS: Final = frozenset({"lab", "task", "report", "scheduler", "workers", "json"})
_FILTERS: Final = frozenset({"user", "device"})
_FITTING: Final[Mapping[TaskChoice, frozenset[str]]] = {
    TaskChoice.segment: _ALWAYS
    | _FILTERS
    | {"protocol", "seeds", "groups", "composed", "baseline"},
    TaskChoice.repetitions: _ALWAYS | _FILTERS | {"baseline", "templates"},
}
_NOT_EXERCISE: Final = frozenset({"groups", "composed", "baseline", "templates"})


def check_task(context: typer.Context, task: TaskChoice) -> None:
    """Refuse options that were given and say nothing of the task.

    Raises
    ------
    InputError
        Naming the first of them, and those that do.
    """
    sources = {name: context.get_parameter_source(name) for name in context.params}
    given = {name for name, came in sources.items() if came and came.name != "DEFAULT"}
    if task is TaskChoice.exercise:
        wrong, fitting = given & _NOT_EXERCISE, "the others"
    else:
        wrong = given - _FITTING[task]
        fitting = ", ".join(f"--{name}" for name in sorted(_FITTING[task] - _ALWAYS))
    if wrong:
        spelled = {each.name: each.opts[0] for each in context.command.params}
        names = sorted(str(spelled.get(name, name)) for name in wrong)
        raise InputError(
            f"{', '.join(names)}: not with --task {task.value}; it takes {fitting}, besides those "
            "of every command"
        )


def judge_sets(lab: str, output: Output, report: Path | None, **options: Any) -> None:
    """Evaluate sets in continuous sessions, and print what came of it."""
    from workoutlab.recognition.evaluation.composition import Composition
    from workoutlab.recognition.evaluation.sets import evaluate_sets

    source = _open(lab, options)
    how: dict[str, Any] = {"protocol": options["protocol"]}
    if options["groups"] is not None:
        how["folds"] = options["groups"]
    if how["protocol"] == "set":
        how["seeds"] = options["seeds"]
    if options["baseline"]:
        from workoutlab.recognition.segmentation.decoding import Decoding

        how["variants"] = {"Muvr's rule": Decoding.muvr()}
    composed = Composition.of(_read(source)) if options["composed"] else source
    result = evaluate_sets(composed, progress=not output.as_json, **how)
    output.result(result, result.as_dict())
    if report is not None:
        output.say(f"Report: {result.save_html(report)}")


def judge_repetitions(lab: str, output: Output, report: Path | None, **options: Any) -> None:
    """Evaluate the counting of repetitions, and print what came of it."""
    from workoutlab.recognition.evaluation.repetitions import evaluate_repetitions
    from workoutlab.recognition.repetitions.baseline import count_muvr

    result = evaluate_repetitions(
        _open(lab, options),
        templates=options["templates"].value,
        baseline=count_muvr if options["baseline"] else None,
        progress=not output.as_json,
    )
    output.result(result, result.as_dict())
    if report is not None:
        output.say(f"Report: {result.save_html(report)}")


def _open(lab: str, options: Mapping[str, Any]) -> "Lab | list[Recording]":
    """Open a lab, or read those of its recordings that are asked for."""
    from workoutlab import Lab

    opened = Lab(lab, create=False)
    wanted = {name: options[name] for name in ("user", "device") if options[name]}
    if not wanted:
        return opened
    held = opened.table("recordings", ["samples", *wanted])
    kept = held["samples"] > 0
    for name, values in wanted.items():
        kept &= held[name].isin(values)
    if not kept.any():
        told = "; ".join(f"{name}: {', '.join(values)}" for name, values in wanted.items())
        raise InputError(f"the lab at {opened.url} holds no recordings of {told}")
    return [opened.recording(int(row)) for row in held.index[kept]]


def _read(source: "Lab | list[Recording]") -> "list[Recording]":
    if isinstance(source, list):
        return source
    held = source.table("recordings", ["samples"])
    return [source.recording(int(row)) for row in held.index[held["samples"] > 0]]
