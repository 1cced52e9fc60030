"""`python -m tools.cost`: write the cost table of `docs/cost.md` and `notebooks/cost.ipynb` anew."""

import re
import textwrap

from hpe_study.report.cost import cost_table, full_study, summary
from hpe_study.report.rates import measured_rates
from hpe_study.study import Study
from hpe_study.utils.files import atomic
from tools.publish import execute_in_place

MARKS = re.compile(r"(?<=<!-- cost -->\n).*?(?=<!-- /cost -->)", re.S)


def cost_page(text: str, study: Study, gpus: int = 4) -> str:
    """The text of `docs/cost.md` with the cost table between its two marks made anew."""
    rates = measured_rates(study.profile.network, study.home / "benchmarks")
    prose = textwrap.fill(summary(study, rates).data, 140, break_on_hyphens=False)
    body = f"\n{cost_table(study, rates, gpus).markdown()}\n{prose}\n\n"
    return MARKS.sub(lambda _: body, text)


if __name__ == "__main__":
    project = full_study("params/paper.yaml")
    path = project.home / "docs" / "cost.md"
    with atomic(path) as part:
        part.write_text(cost_page(path.read_text(), project))
    execute_in_place(project.home / "notebooks" / "cost.ipynb")
