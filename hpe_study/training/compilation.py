"""A training step, compiled where that was asked for and can be done."""

from collections.abc import Callable
from typing import Any

import torch

# What the modes of torch.compile stand for (its documentation): a mode and options cannot be given together.
MODES = {
    "default": {},
    "reduce-overhead": {"triton.cudagraphs": True},
    "max-autotune": {"max_autotune": True, "triton.cudagraphs": True, "coordinate_descent_tuning": True},
}
ADVICE = (
    "Set TORCH",
    "You can suppress",
    "import torch._dynamo",
    "torch._dynamo.config",
)  # of torch, to itself
SHOWN = 160  # characters of a cause


class CompiledStep:
    """A function that is called once per training step, compiled from the second call on.

    The first call uploads the tables that a compiled step reads. Batches are whole, so it is compiled once.
    Where the compiler fails it is tried again with one compile thread in this process (usually its worker
    processes fail). If that fails too, training continues uncompiled and prints why.
    """

    def __init__(self, function: Callable[..., Any], mode: str, name: str):
        """function: the plain step; mode: `torch.compile`'s, or "none"; name: of the run, for messages."""
        self.mode, self.name = mode, name
        self._plain, self._current = function, None
        self._one_thread = False

    def run(self, use: Callable[[Callable[..., Any]], Any]) -> Any:
        """Return `use(step)`, with the fastest step that works. `use` may be called again after a failure."""
        if self.mode == "none" or self._current is None:
            self._current = self._plain
            return use(self._plain)
        if self._current is self._plain:
            self._current = torch.compile(self._plain, mode=self.mode)
        while self._current is not self._plain:
            try:
                return use(self._current)
            except torch.OutOfMemoryError:
                raise
            except Exception as error:  # the compiler's errors have no public class; a step's own come again
                self._fall_back(_cause_of(error))
        return use(self._plain)

    def _fall_back(self, cause):
        if not self._one_thread:
            print(f"{self.name}: compile: {self.mode} failed ({cause}); trying again with one compile thread")
            self._one_thread = True
            self._current = torch.compile(self._plain, options=MODES[self.mode] | {"compile_threads": 1})
            return
        print(f"{self.name}: compile: {self.mode} cannot be done here ({cause}); training goes on without")
        self.mode, self._current = "none", self._plain


def _cause_of(error):
    """The last line of what an error says, which names the cause; torch's advice after it is left out."""
    lines = [line.strip() for line in str(error).splitlines()]
    lines = [line for line in lines if line and not line.startswith(ADVICE)]
    return (lines[-1] if lines else type(error).__name__)[:SHOWN]
