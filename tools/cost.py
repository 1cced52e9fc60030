"""`python -m tools.cost`: write the README's cost table and `notebooks/cost.ipynb` anew."""

import re
import textwrap

from hpe_study.report.cost import chain_sentence, cost_table, sentence, whole
from hpe_study.report.rates import rates
from hpe_study.utils.files import atomic
from tools.publish import execute_in_place

README = re.compile(r"(?<=<!-- cost -->\n).*?(?=<!-- /cost -->)", re.S)


def readme(text, study, gpus=4):
    """The README's text with the cost table between its two marks made anew."""
    known = rates(study)
    summary = f"{sentence(study, known).data} {chain_sentence(study, known[-1]).data}"
    body = f"\n{cost_table(study, known, gpus).markdown()}\n{textwrap.fill(summary, 140, break_on_hyphens=False)}\n\n"
    return README.sub(lambda _: body, text)


if __name__ == "__main__":
    project = whole("params/paper.yaml")
    path = project.home / "README.md"
    with atomic(path) as part:
        part.write_text(readme(path.read_text(), project))
    execute_in_place(project.home / "notebooks" / "cost.ipynb")
