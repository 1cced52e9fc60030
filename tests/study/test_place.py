"""Parameters and places as users have them: another locale, a folder with a space, a home that is read-only.

What is legitimate works. What is not is one line that names the file or the key and what to do.
"""

import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hpe_study.cli import main
from hpe_study.errors import StudyError
from hpe_study.parameter_files import read_profile
from hpe_study.study import Study
from hpe_study.study.notebooks import execute_notebook

PROJECT = Path(__file__).resolve().parents[2]
SHOW_QUESTION = """
import locale, sys
from hpe_study.parameter_files import read_profile
print(locale.getpreferredencoding(False), flush=True)
print(ascii(read_profile(sys.argv[1]).question))
"""
QUICK = (PROJECT / "params" / "quick.yaml").read_text(encoding="utf-8")
LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux")
EMPTY = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}  # a notebook


def test_letters_that_a_terminal_lacks_are_escaped(tmp_path, monkeypatch):
    path = tmp_path / "params" / "mine.yaml"
    path.parent.mkdir()
    path.write_text(re.sub("question: .*", "question: Größe ≥ 1?", QUICK), encoding="utf-8")
    out = io.TextIOWrapper(io.BytesIO(), encoding="latin1")
    monkeypatch.setattr(sys, "stdout", out)
    assert main(["show", str(path)]) == 0
    out.flush()
    assert "question: Größe \\u2265 1?" in out.buffer.getvalue().decode("latin1")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["data", "check", "x" * 300], "File name too long"),
        (["simulate", "mpii", "OUT", "--train=1", "--test=1", "--workers=-3"], "workers must be 1 or more"),
        (["simulate", "mpii", "OUT", "--train=1", "--test=1", "--device=foo"], "device: 'foo' is not one of"),
        (["--profile", "params/quick.yaml", "prepare", "nope"], "has no data set 'nope'; it has mpii"),
    ],
)
def test_what_the_user_can_mend_has_no_traceback(tmp_path, capsys, command, said):
    assert main([str(tmp_path) if word == "OUT" else word for word in command]) == 1
    assert one_line(capsys.readouterr().err, "error: ", said)


def test_a_negative_number_of_gpus_is_not_waited_for(capsys):
    with pytest.raises(SystemExit):
        main(["execute", "evaluate", "out.ipynb", "--gpus=-1"])
    assert "'-1' is not a whole number of 1 or more" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["0", "-1", "x", "9" * 30, "1e3"])
def test_a_number_of_processes_is_a_whole_number(capsys, number):
    with pytest.raises(SystemExit):
        main(["prepare", "mpii", f"--workers={number}"])
    assert "is not a whole number of 1 or more" in capsys.readouterr().err


def one_line(message, *named):
    """Assert that a message is one line, and that it names all of these; returns True."""
    message = str(message).strip()
    assert len(message.splitlines()) == 1, message
    assert all(name in message for name in named), message
    return True


def profile_at(path, changes=(), more=""):
    """Write the quick parameter file with some of its text replaced, and more lines at its end."""
    text = QUICK
    for old, new in dict(changes).items():
        assert old in text
        text = text.replace(old, new)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + more, encoding="utf-8")
    return path


# ---------------------------------------------------------------- parameter files


@pytest.mark.parametrize(
    ("changes", "more", "key"),
    [
        ({}, "\nseeds: [1, 2]\n", "seeds"),
        ({"sigma: 1.0": "sigma: 1.0, sigma: 2.0"}, "", "sigma"),
        ({"h36m: {simulate: {train: 48": "h36m: {simulate: {train: 48, train: 9"}, "", "train"),
    ],
    ids=["at the top", "in a section", "in a section's section"],
)
def test_a_key_that_stands_twice_is_refused(tmp_path, changes, more, key):
    path = profile_at(tmp_path / "mine.yaml", changes, more)
    with pytest.raises(StudyError) as caught:
        read_profile(path)
    assert one_line(caught.value, str(path), key)


@LINUX
@pytest.mark.skipif(not shutil.which("localedef"), reason="makes a locale with localedef")
def test_parameters_are_utf8_whatever_the_locale(tmp_path):
    question = "Does 2D → 3D help, for €5?"
    path = profile_at(tmp_path / "mine.yaml", {"Does everything run?": question})
    locale = tmp_path / "en_US.ISO-8859-1"
    subprocess.run(["localedef", "-i", "en_US", "-f", "ISO-8859-1", locale], capture_output=True)
    environment = os.environ | {"PYTHONPATH": str(PROJECT), "LOCPATH": str(tmp_path), "LC_ALL": locale.name}
    environment["PYTHONUTF8"] = "0"
    command = [sys.executable, "-c", SHOW_QUESTION, str(path)]
    done = subprocess.run(command, env=environment, capture_output=True, encoding="latin1", timeout=60)
    encoding, _, shown = done.stdout.partition("\n")
    if encoding != "ISO-8859-1":
        pytest.skip("that locale cannot be had here")
    assert shown.strip() == ascii(question), done.stderr[-300:]


def test_a_data_root_in_the_users_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    path = profile_at(tmp_path / "project" / "params" / "mine.yaml", {"data/simulated/quick": "~/data"})
    assert Study(path).raw == tmp_path / "home" / "data"


def test_a_data_root_below_a_variable_is_found_or_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    path = profile_at(tmp_path / "project" / "params" / "mine.yaml", {"data/simulated/quick": "$HOME/data"})
    try:
        raw = Study(path).raw
    except StudyError as error:
        raw, said = None, error
    assert one_line(said, str(path), "data_root") if raw is None else raw == tmp_path / "home" / "data"


def test_a_table_without_a_set_to_train_on_is_refused(tmp_path):
    changes = {"two_d: [mpii]": "two_d: []", "tables: [1, 2]": "tables: [1]"}
    path = profile_at(tmp_path / "params" / "mine.yaml", changes)
    with pytest.raises(StudyError) as caught:
        Study(path)
    assert one_line(caught.value, str(path), "two_d")


def test_a_seed_beyond_64_bits_is_refused(tmp_path):
    path = profile_at(tmp_path / "params" / "mine.yaml", {"seeds: [0]": "seeds: [99999999999999999999]"})
    with pytest.raises(StudyError) as caught:
        Study(path)
    assert one_line(caught.value, str(path), "seeds")


# ---------------------------------------------------------------- the study's place


@pytest.fixture
def project(monkeypatch):
    """folder → a project there, which is the folder that commands are given in."""

    def made(home):
        for part in ("params", "notebooks"):
            shutil.copytree(PROJECT / part, home / part, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
        shutil.copy(PROJECT / "Snakefile", home)
        monkeypatch.setenv("PYTHONPATH", str(PROJECT))
        monkeypatch.chdir(home)
        return home

    return made


@pytest.fixture
def dry_run(capsys):
    """A profile → exit status of its study, which only tells its steps, and what it said was wrong."""

    def run(profile):
        status = main(["study", str(profile), "--cores", "1", "--", "--dry-run", "--printshellcmds"])
        said = capsys.readouterr()
        assert status or re.search(r"\d+ steps are to be done.*\n  collect\n  analysis \w", said.out, re.S)
        return status, said.err.partition("error: ")[2]

    return run


def steps_get_whole_paths(home):
    """Assert that the shell takes each path below `home` for one word, in a dry run's steps; returns True."""
    log = (home / "runs" / "quick" / "snakemake.log").read_text(encoding="utf-8")
    commands = [shlex.split(line) for line in log.splitlines() if " -m hpe_study " in line]
    assert commands
    for arguments in commands:
        assert sum(word.count(str(home)) for word in arguments) == " ".join(arguments).count(str(home)), (
            arguments
        )
    return True


@pytest.mark.parametrize("name", ["my rock & roll", "it's", "{mine}"])
def test_a_checkout_below_an_odd_name_runs_or_is_refused(tmp_path, project, dry_run, name):
    home = project(tmp_path / name)
    status, said = dry_run("params/quick.yaml")
    assert steps_get_whole_paths(home) if status == 0 else one_line(said, str(home))
    assert status == (name == "{mine}")


@pytest.mark.parametrize("place", ["checkout", "elsewhere/mine"])
def test_a_profile_that_lies_elsewhere_runs_or_is_refused(tmp_path, project, dry_run, place):
    """In the project's own folder, or nowhere near it; nothing is written where no project is."""
    project(tmp_path / "checkout")
    path = profile_at(tmp_path / place / "mine.yaml")
    around = lambda: [*tmp_path.iterdir(), *(tmp_path / "elsewhere").rglob("*")]  # noqa: E731
    before = around()
    status, said = dry_run(path)
    assert set(around()) == set(before)
    assert status == 0 or one_line(said, str(path), "params")


@LINUX
def test_a_home_that_cannot_be_written_to(tmp_path, project, dry_run, monkeypatch):
    project(tmp_path / "checkout")
    monkeypatch.setenv("HOME", "/proc")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    status, said = dry_run("params/quick.yaml")
    assert status == 0 or one_line(said, "XDG_CACHE_HOME")


# ---------------------------------------------------------------- kernels of notebooks


@pytest.mark.parametrize(
    ("kernel", "python"),
    [("nope", None), ("gone", "/nowhere/python"), ("mute", shutil.which("false") or "/bin/false")],
    ids=["not known", "its python is gone", "ends at once"],
)
def test_a_kernel_that_cannot_start_is_reported_with_the_installed_ones(
    tmp_path, monkeypatch, kernel, python
):
    if python:
        about = {"argv": [python, "{connection_file}"], "display_name": kernel, "language": "python"}
        (tmp_path / "kernels" / kernel).mkdir(parents=True)
        (tmp_path / "kernels" / kernel / "kernel.json").write_text(json.dumps(about))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    with pytest.raises(StudyError) as caught:
        execute_notebook(PROJECT / "notebooks" / "index.ipynb", tmp_path / "out.ipynb", {}, kernel)
    assert one_line(caught.value, kernel, "python3")


def test_who_starts_a_study_on_an_unknown_kernel_reads_why_it_failed(tmp_path, project, capsys):
    home = project(tmp_path / "checkout")
    (home / "notebooks" / "audit.ipynb").write_text(json.dumps(EMPTY))  # the only step of its study
    status = main(["study", "params/audit.yaml", "--cores", "1", "--kernel", "nope"])
    said = capsys.readouterr().err
    assert status == 1
    assert any("nope" in line and "python3" in line for line in said.splitlines()), said
    assert "Traceback" not in said
