"""``workoutlab demo``: the whole way on the sample, from files to a report."""

from pathlib import Path
from typing import Annotated

import typer

from workoutlab.cli.console import JsonOption, Output, SchedulerOption, running
from workoutlab.errors import LabNotFoundError

__all__ = ["demo", "find_sample"]

NEXT = """\
What to try next:
  workoutlab info --lab {lab}
  workoutlab evaluate --lab {lab} --protocol person --report persons.html
  workoutlab live --demo
  workoutlab ingest --lab lab --reader muvr YOUR-FILES, or --reader tabular --mapping YOURS.toml"""


def demo(
    lab: Annotated[
        str, typer.Option("--lab", help="Where the demo keeps its lab and its report.")
    ] = "workoutlab-demo",
    seeds: Annotated[int, typer.Option(min=1, help="Number of splits of the evaluation.")] = 5,
    scheduler: SchedulerOption = None,
    workers: Annotated[
        int, typer.Option(min=0, help="Worker processes of this machine; 0 runs on threads.")
    ] = 2,
    json: JsonOption = False,
) -> None:
    """Go the whole way on the shipped, simulated sample: files, lab, networks, figures, report."""
    with running(json, scheduler=scheduler, workers=0 if scheduler else workers) as output:
        _tour(lab, seeds, output)


def _tour(url: str, seeds: int, output: Output) -> None:
    from workoutlab import MLP, Lab, Recipe, Statistics
    from workoutlab.cluster import active_client
    from workoutlab.pipeline import Settings, run

    client = active_client()
    if client is not None:
        output.say(f"Dask dashboard: {client.dashboard_link}")
    lab = Lab(url)
    sample = find_sample()
    output.say(f"Reading the sample in {sample} into the lab {lab.url}")
    settings = Settings(reader="muvr", simulated=True, seeds=seeds, progress=not output.as_json)
    stages = run(lab, sample / "muvr", Recipe(Statistics(), MLP(250, 50)), settings)
    for text in (stages.ingested, lab.info(), stages.windows.describe(), stages.trained):
        output.say(f"\n{text}")
    report = _report_path(url)
    stages.evaluation.save_html(report)
    output.result(
        f"\n{stages.evaluation}\n\nReport: {report}\n\n{NEXT.format(lab=url)}",
        {
            "lab": lab.url,
            "ingested": stages.ingested.as_dict(),
            "trained": stages.trained.as_dict(),
            "evaluation": stages.evaluation.as_dict(),
            "report": str(report),
        },
    )
    if not stages.ok:
        raise typer.Exit(1)


def _report_path(url: str) -> Path:
    folder = Path.cwd() if "://" in url else Path(url).parent
    return (folder / f"{Path(url).name}-report.html").resolve()


def find_sample() -> Path:
    """Return the folder of the sample: beside the package in a checkout, else within it.

    Raises
    ------
    LabNotFoundError
        If neither is there.
    """
    package = Path(__file__).parents[1]
    for folder in (package / "sample", package.parent / "data"):
        if (folder / "muvr").is_dir():
            return folder
    raise LabNotFoundError(f"the sample is missing from {package}; install workoutlab anew")
