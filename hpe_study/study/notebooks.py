"""One executed notebook a run: papermill on a named kernel, written whole or not at all.

The process asks the kernel of the operating system to end it with its parent, and Jupyter's kernels end with
theirs, so killing the study at any point leaves nobody training behind.
"""

import os
import re
import sys
from pathlib import Path

from hpe_study.errors import StudyError, killed
from hpe_study.utils.files import atomic
from hpe_study.utils.progress import FOR_THE_RECORD, last_states


def execute_notebook(notebook, output, parameters, kernel="python3", cwd=None):
    """Execute `notebook` with `parameters` into `output`, without widget state.

    A cell that fails leaves `<output>.failed.ipynb` to look at and raises `StudyError` with the cell's own
    message.
    """
    import nbformat
    import papermill
    from nbclient.exceptions import DeadKernelError

    notebook, output = Path(notebook), Path(output)
    failed = output.with_name(f"{output.stem}.failed.ipynb")
    failed.unlink(missing_ok=True)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("MKL_NUM_THREADS", "1")
    os.environ[FOR_THE_RECORD] = "1"
    with atomic(output) as part:
        try:
            papermill.execute_notebook(
                str(notebook),
                str(part),
                parameters=parameters,
                kernel_name=kernel,
                cwd=str(cwd or notebook.parent),
                progress_bar=False,
                log_output=False,
                stderr_file=sys.stderr,  # bars, so that the study's log tells how a training goes
            )
        except papermill.exceptions.PapermillExecutionError as error:
            part.replace(failed)
            part.touch()
            message = re.sub(r"\x1b\[[0-9;]*m", "", f"{error.evalue}").strip()
            told = message if error.ename == "StudyError" else f"{error.ename}: {message}"
            raise StudyError(
                f"{told}\n  (in {notebook.name}; the notebook as it failed: {failed})"
            ) from error
        except DeadKernelError as error:
            who = f"the process of {notebook.name}"
            raise StudyError(
                f"{killed(who)}, or it crashed; the same command goes on from its last whole epoch"
            ) from error
        executed = nbformat.read(part, as_version=4)
        executed.metadata.pop("widgets", None)
        _plain_streams(executed)
        nbformat.write(executed, part)
    return output


def _plain_streams(notebook):
    """Keep what a progress bar ended with, not every line it drew; what a stream said piece by piece becomes
    one output."""
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
