"""Seconds planned and used by the steps of a plan, over several calls of the same command."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

from benchmarks.cuda_graph import Paused
from hpe_study.utils.files import atomic

COLUMNS = ["step", "planned", "used", "left", "state", "note", "device"]
TICK = 5.0  # seconds between two states on disk


class Skipped(Exception):
    """A step, or what is left of it, that is not done now, and why."""


def one_line(error: BaseException) -> str:
    """An error's kind and the last line of what it says, where the cause usually stands."""
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[-1][:250]}"


class Ledger:
    """The table, which is on disk after every change.

    Attributes:
        path: of the CSV file.
        rows: {step: its row}.
    """

    def __init__(self, path: Path, seconds: float, call: float | None, device: str) -> None:
        """seconds: in all calls together; call: in this one."""
        self.path, self.device, self.began, self.ticked = Path(path), device, time.monotonic(), 0.0
        self.rows, self._open = {}, None
        if self.path.exists():
            table = pd.read_csv(self.path, keep_default_na=False)
            self.rows = {row["step"]: row for row in table.to_dict("records")}
        self.left_before = seconds - self.used
        self.call = self.left_before if call is None else min(call, self.left_before)

    @property
    def used(self) -> float:
        """Seconds of all steps, of earlier calls too."""
        return sum(row["used"] for row in self.rows.values())

    @property
    def left(self) -> float:
        """Seconds of this call."""
        return self.call - (time.monotonic() - self.began)

    @property
    def left_in_all(self) -> float:
        """Seconds of this call and of those that may follow."""
        return self.left_before - (time.monotonic() - self.began)

    @property
    def is_last(self) -> bool:
        """Whether no time is left for another call."""
        return self.call >= self.left_before

    def is_done(self, step: str) -> bool:
        """Whether a call has finished the step."""
        return self.rows.get(step, {}).get("state") == "done"

    def skip(self, step: str, why: str) -> None:
        """Note that a step is not begun."""
        row = self._row(step)
        before = f"; before: {row['note']}" if row["state"] == "paused" else ""
        row.update(state="skipped", note=why + before)
        self._show(step)

    @contextlib.contextmanager
    def step(self, step: str, planned: float) -> Iterator[Callable[[str], None]]:
        """Count the seconds of a block; its errors are noted, and the next step goes on.

        Yields:
            A function that adds to the step's note.
        """
        row, notes = self._row(step), []
        row.update(planned=round(planned, 1), state="begun", note="", device=self.device)
        self._open = row, row["used"], time.monotonic()
        try:
            self.tick(now=True)
            yield notes.append
            row["state"] = "done"
        except Paused as pause:
            row["state"] = "paused"
            notes.append(f"{pause}; the same command goes on")
        except Skipped as skipped:
            row["state"] = "skipped"
            notes.append(str(skipped))
        except Exception as error:
            row["state"] = "failed"
            notes.append(one_line(error))
        finally:
            row["note"] = "; ".join(notes)
            self.tick(now=True)
            self._open = None
            self._show(step)

    def tick(self, now: bool = False) -> None:
        """Write the seconds used so far, at most every `TICK` seconds."""
        if self._open:
            row, before, start = self._open
            row["used"] = round(before + time.monotonic() - start, 1)
        if now or time.monotonic() - self.ticked > TICK:
            self.ticked = time.monotonic()
            with atomic(self.path) as part:
                self.table().to_csv(part, index=False)

    def table(self) -> pd.DataFrame:
        """One row per step."""
        return pd.DataFrame(self.rows.values(), columns=COLUMNS)

    def _row(self, step):
        empty = {"step": step, "planned": 0.0, "used": 0.0, "left": 0.0, "state": "", "note": ""}
        return self.rows.setdefault(step, empty | {"device": self.device})

    def _show(self, step):
        row = self.rows[step]
        row["left"] = round(self.left, 1)
        self.tick(now=True)
        print(
            f"{step}: {row['state']}; planned {row['planned']:.0f} s, used {row['used']:.0f} s,"
            f" left {row['left']:.0f} s. {row['note']}",
            flush=True,
        )
