"""Executed notebooks: papermill on a named kernel, written whole or not at all.

The process asks the operating system's kernel to end it with its parent, and Jupyter's kernels end with
theirs, so killing the study at any point leaves no training behind.
"""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.paths import jupyter_path

from hpe_study.errors import StudyError, brief, ended_by
from hpe_study.utils.files import atomic, require_regular_file
from hpe_study.utils.processes import CORES
from hpe_study.utils.progress import FOR_THE_RECORD, last_states

COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def check_kernel(name: str) -> None:
    """Raise `StudyError` where no Jupyter kernel of that name is installed."""
    try:
        _kernel_specs().get_kernel_spec(name)
    except NoSuchKernel as error:
        raise StudyError(f"kernel {name!r} is not installed; {_kernels()}") from error


def _kernel_specs() -> KernelSpecManager:
    return KernelSpecManager(kernel_dirs=jupyter_path("kernels"))  # by default it makes a folder in HOME


def _kernels() -> str:
    return f"there are: {', '.join(sorted(_kernel_specs().find_kernel_specs()))}"


class _WatchedKernel(AsyncKernelManager):
    """A kernel that leaves its exit status, so that its death can be named."""

    exit_status: int | None = None

    async def is_alive(self) -> bool:
        alive = await super().is_alive()
        process = getattr(self.provisioner, "process", None)
        if not alive and process is not None:
            _WatchedKernel.exit_status = process.poll()
        return alive


def execute_notebook(
    notebook: str | Path, output: str | Path, parameters: dict, kernel: str = "python3", cores: int = 1
) -> Path:
    """Execute `notebook` with `parameters` into `output`, whose path is returned, without widget state.

    Raises:
        StudyError: A cell failed (its own message; `<output>.failed.ipynb` is left to look at), or the kernel
            cannot be had or died.
    """
    # An optional check of addresses in JSON, which no notebook needs; to load it takes two seconds.
    sys.modules.setdefault("rfc3987_syntax", None)
    import nbformat
    import papermill

    notebook, output = require_regular_file(notebook), Path(output)
    failed = output.with_name(f"{output.stem}.failed.ipynb")
    failed.unlink(missing_ok=True)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("MKL_NUM_THREADS", "1")
    os.environ |= {FOR_THE_RECORD: "1", CORES: str(cores)}
    if unknown := parameters.keys() - (known := papermill.inspect_notebook(str(notebook))).keys():
        raise StudyError(f"{notebook}: has no parameter {min(unknown)!r}; it has {', '.join(known)}")
    with atomic(output) as part:
        try:
            with _kernel_deaths(notebook, kernel):
                papermill.execute_notebook(
                    str(notebook), str(part), parameters=parameters, kernel_name=kernel,
                    cwd=str(notebook.parent), progress_bar=False, log_output=False,
                    stderr_file=sys.stderr,  # bars, so that the study's log shows how a training goes
                    kernel_manager_class=_WatchedKernel,
                )  # fmt: skip
        except papermill.exceptions.PapermillExecutionError as error:
            part.replace(failed)
            part.touch()
            message = COLOURS.sub("", f"{error.evalue}").strip()
            cause = message if error.ename == "StudyError" else f"{error.ename}: {message}"
            raise StudyError(
                f"{cause}\n  (in {notebook.name}; the notebook as it failed: {failed})"
            ) from error
        executed = nbformat.read(part, as_version=4)
        executed.metadata.pop("widgets", None)
        _plain_streams(executed)
        nbformat.write(executed, part)
    return output


def read_notebook(path: Path) -> "nbformat.NotebookNode":  # noqa: F821  (loaded where it is used)
    """Read an executed notebook. Raises `StudyError` where it is damaged."""
    import nbformat

    try:
        notebook = nbformat.read(require_regular_file(path), as_version=4)
        nbformat.validate(notebook)
    except StudyError:
        raise
    except Exception as error:  # what a damaged one makes nbformat raise cannot be listed
        raise StudyError(f"{path}: not readable as a notebook ({brief(error)}); delete it") from error
    return notebook


def answer_in(executed: Path) -> str:
    """The first paragraph of the last text that an executed notebook shows, as plain text."""
    cells = read_notebook(executed).cells if executed.exists() else []
    shown = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
    texts = ["".join(data["text/markdown"]) for data in shown if "text/markdown" in data]
    paragraph = texts[-1].strip().partition("\n\n")[0] if texts else f"see {executed.name}"
    return " ".join(paragraph.replace("*", "").split())


@contextmanager
def _kernel_deaths(notebook: Path, kernel: str) -> Iterator[None]:
    """What goes wrong with the kernel itself becomes one line."""
    from nbclient.exceptions import DeadKernelError

    _WatchedKernel.exit_status = None
    try:
        yield
    except NoSuchKernel as error:
        raise StudyError(f"kernel {kernel!r} is not installed; {_kernels()}") from error
    except DeadKernelError as error:
        status, subject = _WatchedKernel.exit_status, f"the process of {notebook.name}"
        ended = ended_by(subject, -status if status is not None and status < 0 else None)
        raise StudyError(f"{ended}; the same command goes on from its last whole epoch") from error
    except (OSError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "kernel" not in str(error).lower():
            raise
        raise StudyError(f"kernel {kernel!r} does not start ({error}); {_kernels()}") from error


def _plain_streams(notebook: "nbformat.NotebookNode") -> None:  # noqa: F821  (loaded where it is used)
    """Keep the last state of each bar; a stream that came in pieces becomes one output."""
    for cell in notebook.cells:
        whole = []
        for output in cell.get("outputs", []):
            if (
                whole
                and output.output_type == "stream" == whole[-1].output_type
                and output.name == whole[-1].name
            ):
                whole[-1].text += output.text
            else:
                whole.append(output)
        for output in whole:
            if output.output_type == "stream":
                output.text = last_states(output.text)
        if whole:
            cell.outputs = whole
