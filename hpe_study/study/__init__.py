"""The study: its grid of runs, where everything lies, and the steps that make it."""

from hpe_study.study.runs import Run
from hpe_study.study.study import Study

__all__ = ["Run", "Study"]
