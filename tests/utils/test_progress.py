"""Bars: drawn in place where somebody watches, whole lines in a file."""

import io
import sys

from hpe_study.utils import progress
from hpe_study.utils.progress import last_states, progress_bar


class Terminal(io.StringIO):
    def isatty(self):
        return True


def stderr_as(monkeypatch, stream):
    """Called in the test itself: between a fixture and its test, pytest sets stderr anew."""
    monkeypatch.delenv(progress.FOR_THE_RECORD, raising=False)
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


def run(**words):
    with progress_bar(total=3, desc="stage1-mpii-seed0", unit="epoch", **words) as bar:
        for loss in (0.9, 0.5, 0.25):
            bar.set_postfix_str(f"loss {loss}", refresh=False)
            bar.update()


def test_a_log_file_reads_from_top_to_bottom(monkeypatch):
    log = stderr_as(monkeypatch, io.StringIO())
    monkeypatch.setattr(progress, "LOG_SECONDS", 0)
    run()
    lines = log.getvalue().splitlines()
    assert "\r" not in log.getvalue()
    assert [line.split("|")[2][:4] for line in lines][:4] == [" 0/3", " 1/3", " 2/3", " 3/3"]
    assert all(line.startswith("stage1-mpii-seed0: ") for line in lines)
    assert "3/3" in lines[-1]
    assert "epoch/s, loss 0.25" in lines[-1]


def test_a_log_file_has_few_lines_and_the_last_state(monkeypatch):
    log = stderr_as(monkeypatch, io.StringIO())
    run(mininterval=0)
    lines = log.getvalue().splitlines()
    assert len(lines) == 2
    assert "3/3" in lines[-1]
    assert "loss 0.25" in lines[-1]


def test_an_unknown_total_is_no_line(monkeypatch):
    log = stderr_as(monkeypatch, io.StringIO())
    with progress_bar(total=None, desc="study", bar_format="{desc}: {n_fmt}/{total_fmt} steps") as bar:
        bar.total = 2
        bar.update(2)
    assert log.getvalue() == "study: 2/2 steps\n"


def test_a_terminal_is_drawn_in_place(monkeypatch):
    watched = stderr_as(monkeypatch, Terminal())
    run()
    assert "\r" in watched.getvalue()
    assert watched.getvalue().count("\n") == 1


def test_a_notebook_for_the_record_counts_as_a_file(monkeypatch):
    watched = stderr_as(monkeypatch, Terminal())
    monkeypatch.setenv(progress.FOR_THE_RECORD, "1")
    run()
    assert "\r" not in watched.getvalue()


def test_the_last_states_of_bars_and_all_other_text_are_kept():
    text = "made\na:   0%|  | 0/2\rb\na:  50%|# | 1/2\nb: 100%|##| 1/1\nnote: 5% more\na: 100%|##| 2/2\n"
    assert last_states("x\r\n" + text) == "x\nmade\nb\nb: 100%|##| 1/1\nnote: 5% more\na: 100%|##| 2/2\n"
