"""A compiled step: what is tried, and what is said when it fails."""

import pytest
import torch

from hpe_study.training.compilation import CompiledStep

FAILURE = (
    "backend='inductor' raised:\nSubprocException: An exception occurred in a subprocess:\n\n"
    "Traceback (most recent call last):\n  File …\nOSError: [Errno 13] Permission denied: '/cache'\n\n"
    "Set TORCHDYNAMO_VERBOSE=1 for the internal stack trace (please do this especially if …)\n"
)


class Calls(list):
    """The settings that torch.compile was called with; `works` says with which of them it succeeds."""

    works = staticmethod(lambda settings: True)


@pytest.fixture
def calls(monkeypatch):
    calls = Calls()

    def fake(function, **settings):
        calls.append(settings)

        def compiled(*args):
            if not calls.works(settings):
                raise RuntimeError(FAILURE)
            return f"compiled {function(*args)}"

        return compiled

    monkeypatch.setattr(torch, "compile", fake)
    return calls


def use(step):
    return step("step")


def test_the_first_step_is_plain_and_the_others_are_compiled_once(calls):
    step = CompiledStep(lambda x: x, "default", "run")
    assert [step.run(use) for _ in range(3)] == ["step", "compiled step", "compiled step"]
    assert calls == [{"mode": "default"}]


def test_without_a_mode_nothing_is_compiled(calls):
    step = CompiledStep(lambda x: x, "none", "run")
    assert [step.run(use) for _ in range(2)] == ["step", "step"]
    assert calls == []


def test_a_failure_is_tried_again_with_one_thread(calls, capsys):
    calls.works = lambda settings: settings.get("options", {}).get("compile_threads") == 1
    step = CompiledStep(lambda x: x, "reduce-overhead", "run")
    assert [step.run(use) for _ in range(3)] == ["step", "compiled step", "compiled step"]
    assert calls == [
        {"mode": "reduce-overhead"},
        {"options": {"triton.cudagraphs": True, "compile_threads": 1}},
    ]
    assert step.mode == "reduce-overhead"
    said = (
        "run: compile: reduce-overhead failed (OSError: [Errno 13] Permission denied: '/cache'); trying again"
    )
    assert capsys.readouterr().out.startswith(said)


def test_after_a_second_failure_it_goes_on_without(calls, capsys):
    calls.works = lambda settings: False
    step = CompiledStep(lambda x: x, "default", "run")
    assert [step.run(use) for _ in range(3)] == ["step"] * 3
    assert step.mode == "none"
    assert "cannot be done here (OSError: [Errno 13]" in capsys.readouterr().out.splitlines()[1]


def test_a_fault_of_the_step_itself_is_raised(calls):
    def broken(x):
        raise ValueError("of the step")

    step = CompiledStep(broken, "default", "run")
    with pytest.raises(ValueError, match="of the step"):
        step.run(use)


def test_too_little_memory_is_no_failure_of_the_compiler(calls):
    step, full = CompiledStep(lambda x: x, "default", "run"), torch.OutOfMemoryError("full")
    step.run(use)

    def use_all(step):
        raise full

    with pytest.raises(torch.OutOfMemoryError):
        step.run(use_all)
    assert step.mode == "default"
