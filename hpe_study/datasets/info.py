"""What is known of a data set beside its labels: where it comes from, on what terms, how to cite it, how big
it is."""

import math
from dataclasses import dataclass, field


@dataclass(frozen=True)
class DatasetInfo:
    """The facts that a reader's module keeps about its data set."""

    name: str  # the name `open_dataset` takes
    title: str
    kind: str  # "2d" or "3d"
    folders: tuple  # under the data root
    url: str
    licence: str
    citation: str
    expected: (
        dict  # records a split of the original gives; None where that depends on options or is not published
    )
    quirks: tuple  # traps of the raw layout and what the reader does about them
    hint: str = ""  # a step that people forget between downloading and reading
    download_gb: float = math.nan  # of pictures and labels, in GB, where the set's page says it
    layouts: dict = field(
        default_factory=dict
    )  # other ways the same set is laid out: name → options for `open_dataset`

    def stand_in_command(self, root):
        """The command that writes simulated people in this set's layout."""
        name = "lsp" if self.name == "lsp_extended" else self.name
        return f"python -m simulated_people make {name} {root} --train 1000 --test 250"

    def how_to_get(self, root):
        """One line: where the set is obtained, on what terms, and what stands in for it."""
        hint = f" {self.hint}" if self.hint else ""
        return (
            f"{self.title} comes from {self.url} ({self.licence}).{hint} A simulated stand-in:"
            f" {self.stand_in_command(root)}"
        )
