"""Where the study is not the paper's: the committed page is what the command writes."""

from hpe_study.published_defects import NAMES
from hpe_study.study.published import published
from tools import deviations


def test_the_committed_page_is_what_the_command_writes():
    assert deviations.PAGE.read_text(encoding="utf-8") == deviations.page(), "python -m tools.deviations"


def test_the_paper_profile_has_every_printed_setting():
    assert "All are as printed." in deviations.page()


def test_every_switch_stands_in_the_page_once_or_with_its_setting():
    assert set(published("settings")["switch"].dropna()) == set(NAMES)


def test_a_setting_that_differs_is_a_row(monkeypatch):
    read = deviations.read_profile

    def with_other_weight(path):
        profile = read(path)
        stage3 = profile.stage3.model_copy(update={"geometry_weight": 0.5})
        return profile.model_copy(update={"stage3": stage3})

    monkeypatch.setattr(deviations, "read_profile", with_other_weight)
    text = deviations.page()
    assert "Those that differ" in text
    assert "| stage 3, λ_geo | 0.01 | 0.5 |" in text


def test_a_setting_without_a_printed_value_that_differs_is_a_row(monkeypatch):
    read = deviations.read_profile

    def with_decay(path):
        profile = read(path)
        decay = {"paper": 0.0, "demo": 0.75, "gpu": 0.75}[profile.name]
        stage3 = profile.stage3.model_copy(update={"weight_decay": decay})
        return profile.model_copy(update={"stage3": stage3})

    monkeypatch.setattr(deviations, "read_profile", with_decay)
    assert "| weight_decay | 0 | 0.75 | 0.75 | stage3 |" in deviations.page()
