"""What a test does in a process of its own, where that one may hang, or has another machine around it."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]


def command(name, *arguments):
    """The words that call a function of this module elsewhere."""
    code = f"import sys; from tests.cases import use_apart; use_apart.{name}(*sys.argv[1:])"
    return [sys.executable, "-c", code, *map(str, arguments)]


def environment(**changes):
    """This process's environment, with what that function imports, and with changes."""
    paths = os.pathsep.join(map(str, (HERE, HERE.parent, PROJECT)))
    return {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"} | changes


def show_question(path):
    """Print the locale's encoding and, in ASCII, the question of a parameter file."""
    import locale

    from hpe_study.parameter_files import read_profile

    print(locale.getpreferredencoding(False), flush=True)
    print(ascii(read_profile(path).question))
