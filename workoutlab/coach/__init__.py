"""The coach: what to suggest to people, from what they did.

::

    sessions       what each workout amounted to, out of a lab's sets
    plans          the same out of plan files
    eligibility    who is due for a suggestion, and a filter of people
    history        intensities in time, z-scores and rows of lags
    regression     linear regressions for thousands of people at once, and a backtest
    suggestions    what is suggested, as rows
    keeping        how these lie in a lab, and how one came about
    intensity      all of it in one call, as Dask tasks
"""

from workoutlab.coach.eligibility import eligible, keep_people
from workoutlab.coach.history import Histories, find_histories
from workoutlab.coach.intensity import suggest_intensity
from workoutlab.coach.keeping import Explanation, explain
from workoutlab.coach.plans import read_plan, sessions_from_plans
from workoutlab.coach.regression import IntensityRegression, backtest
from workoutlab.coach.results import SuggestionResult
from workoutlab.coach.sessions import sessions
from workoutlab.coach.suggestions import Made, suggest

__all__ = [
    "Explanation",
    "Histories",
    "IntensityRegression",
    "Made",
    "SuggestionResult",
    "backtest",
    "eligible",
    "explain",
    "find_histories",
    "keep_people",
    "read_plan",
    "sessions",
    "sessions_from_plans",
    "suggest",
    "suggest_intensity",
]
