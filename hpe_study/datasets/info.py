"""What is known of a data set beside its labels: its origin, terms, citation and size."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class DatasetInfo:
    """The facts that a reader's module keeps about its data set."""

    name: str  # what `open_dataset` takes
    title: str  # its name in print
    kind: str  # "2d" or "3d"
    folders: tuple[str, ...]  # under the data root
    url: str  # of its page
    licence: str  # in a few words
    citation: str  # of its paper
    # split → records of the original; None where that depends on options or is not published
    expected: dict[str, int | None]
    hint: str = ""  # a step that people forget between downloading and reading
    pseudo: bool = False  # its 3D are pseudo labels: fits of a body model, not measured
    stand_in: str | None = ""  # name of the simulated people in its layout; "": its own; None: there are none
    # other layouts of the same set: name → options for `open_dataset`
    layouts: dict[str, dict] = field(default_factory=dict)

    def stand_in_command(self, root: str | Path) -> str:
        """The command that writes simulated people in this set's layout; "" where there are none."""
        if self.stand_in is None:
            return ""
        return f"python -m simulated_people make {self.stand_in or self.name} {root} --train 1000 --test 250"

    def how_to_get(self, root: str | Path) -> str:
        """One line: where the set is obtained, on what terms, and what stands in for it."""
        hint = f" {self.hint}" if self.hint else ""
        command = self.stand_in_command(root)
        stand_in = f" A simulated stand-in: {command}" if command else ""
        return f"{self.title} comes from {self.url} ({self.licence}).{hint}{stand_in}"
