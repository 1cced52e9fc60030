"""Parameter files: what fits is read, what does not is one line that names file, key and what is allowed."""

import os
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from hpe_study.errors import StudyError
from hpe_study.parameter_files import read_profile, read_values
from hpe_study.study import Study
from hpe_study.utils.files import digest_of

PROJECT = Path(__file__).resolve().parents[1]
QUICK = "params/quick.yaml"


def written(tmp_path, change):
    values = yaml.safe_load(Path(QUICK).read_text())
    change(values)
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def real(**changes):
    return {"sources": [["mpii"]], "three_d": ["h36m"], **changes}


def size(*backbones):
    return {"backbones": list(backbones)}


@pytest.mark.parametrize("name", [path.stem for path in sorted(Path("params").glob("*.yaml"))])
def test_shipped_profiles_are_read(name):
    assert read_profile(f"params/{name}.yaml").name == name


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda v: v.update(epoch=3), ["unknown key 'epoch'", "allowed here", "simulate_size"]),
        (lambda v: v["network"].update(widht=3), ["unknown key 'network.widht'", "width"]),
        (lambda v: v["augmentation"].update(scale=0.25), ["augmentation", "'scale'", "scale_sd"]),
        (lambda v: v.update(joint_rules="mine"), ["joint_rules", "'corrected' or 'printed'"]),
        (lambda v: v.update(tables=[8]), ["table 8 needs the section geometry_sweep"]),
        (lambda v: v["stage1"].update(epochs="many"), ["stage1.epochs", "integer", "'many'"]),
        (lambda v: v["stage1"].update(learning_rate=-1), ["stage1.learning_rate", "greater than 0"]),
        (lambda v: v["stage2"].update(drop_after=[5]), ["stage2", "drop_after [5]", "2 epochs"]),
        (lambda v: v.update(two_d=["coco"]), ["two_d", "'coco'", "mpii, lsp, flic"]),
        (lambda v: v.update(seeds=[]), ["seeds", "at least 1"]),
        (lambda v: v["network"].update(input_size=40), ["network", "input_size 40", "multiple of 16"]),
        (lambda v: v["network"].update(model="resnet51"), ["network", "'resnet51'", "resnet50"]),
        (lambda v: v["network"].update(model="resnet50"), ["network", "no option 'width'", "skips"]),
        (lambda v: v["network"].update(width=513), ["network", "width", "from 1 to 512", "513"]),
        (
            lambda v: v.update(network={"model": "hourglass8", "input_size": 96}),
            ["network", "input_size 96", "multiple of 64"],
        ),
        (lambda v: v.update(size=size("resnet51:x")), ["size.backbones", "'resnet51:x'", "narrow18:24"]),
        (lambda v: v.update(size=size("narrow18:8", "resnet50:8")), ["size.backbones", "'width'"]),
        (lambda v: v.update(size=size("hourglass2:x; true")), ["size.backbones", "'hourglass2:x; true'"]),
        (lambda v: v.pop("data_root"), ["'data_root' is missing"]),
        (lambda v: v.update(simulate={"h36m": {}}), ["'simulate' is called otherwise now", "sets:"]),
        (lambda v: v.update(datasets={}), ["'datasets'", "options"]),
        (lambda v: v["sets"].update(mine={}), ["sets.mine", "needs a reader", "3dpw"]),
        (lambda v: v["sets"]["mpii"].update(options={"input_size": 3}), ["sets.mpii.options", "input_size"]),
        (lambda v: v["sets"]["mpii"].update(options={"split": "test"}), ["sets.mpii.options", "'split'"]),
        (lambda v: v.update(two_d=[]), ["two_d", "table 1 needs"]),
        (lambda v: v.update(seeds=[10**20]), ["seeds.0"]),
        (lambda v: v.update(analyses=["tabel1"]), ["analyses", "tabel1"]),
        (lambda v: v.update(two_d=["mpii", "mpii"]), ["two_d", "twice"]),
        (lambda v: v["stage1"].update(ema=float("nan")), ["stage1.ema"]),
        (lambda v: v["stage1"].update(epochs=10**30), ["stage1.epochs"]),
        (lambda v: v["stage1"].update(learning_rate=1e40), ["stage1.learning_rate"]),
        (lambda v: v["network"].update(input_size=2048), ["network.input_size"]),
        (lambda v: v.update(tables=[1, 1]), ["tables", "twice"]),
        (lambda v: v.update(name="x" * 300), ["name", "100 characters"]),
        (lambda v: v.update(seeds=list(range(101))), ["seeds", "100 items"]),
        (lambda v: v.update(question="\ud800"), ["surrogates"]),
        (lambda v: v.update(data_root="a\0b"), ["zero byte"]),
        (lambda v: v["sets"].update({"a\nb": {}}), [r"sets.a\nb"]),
        (
            lambda v: v.update(real=real(sources=[["mpii"], []], shares=[0.5])),
            ["real", "shares", "no 2D set"],
        ),
    ],
)
def test_a_wrong_file_is_one_line_that_says_what_to_do(tmp_path, change, named):
    path = written(tmp_path, change)
    with pytest.raises(StudyError) as caught:
        read_profile(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    assert all(part in message for part in named), message


def test_the_narrow_network_may_have_48_px(tmp_path):
    profile = read_profile(written(tmp_path, lambda v: v["network"].update(input_size=48)))
    assert profile.network.input_size == 48


def test_absent_and_unreadable_files_are_named(tmp_path):
    with pytest.raises(StudyError, match="no such parameter file"):
        read_profile(tmp_path / "absent.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [1,\nb: }")
    with pytest.raises(StudyError, match="broken.yaml: not readable as YAML"):
        read_profile(broken)
    broken.write_text("- 1")
    with pytest.raises(StudyError, match="holds list"):
        read_profile(broken)


def test_runs_of_one_name_are_refused(tmp_path):
    path = tmp_path / "params" / "mine.yaml"
    path.parent.mkdir()
    shares = {**size("narrow18:8"), "shares": [0.1234567, 0.12345674]}
    written(path.parent, lambda v: v.update(tables=[5], size=shares))
    with pytest.raises(StudyError, match=r"mine.yaml: two runs would be called .*share0.123457"):
        _ = Study(path).runs


def test_a_budget_too_small_for_an_epoch_is_refused(tmp_path):
    path = tmp_path / "params" / "mine.yaml"
    path.parent.mkdir()
    written(path.parent, lambda v: v.update(tables=[4], fair={"images": 1, "seconds": 1}))
    study = Study(path)
    with pytest.raises(StudyError, match=r"mine.yaml: fair.images: 1 are less than one for each of"):
        [study.stage(run) for run in study.runs]


def test_a_link_to_itself_and_a_name_too_long_are_named(tmp_path):
    link = tmp_path / "link.yaml"
    link.symlink_to(link)
    with pytest.raises(StudyError, match=r"link.yaml: cannot be read .Too many levels"):
        Study(link)
    with pytest.raises(StudyError, match=r"cannot be read .File name too long"):
        Study(f"{'a' * 300}.yaml")


@pytest.mark.parametrize("name", ["absent", "sources"])
@pytest.mark.parametrize("text", ["[]", "null", '{"mpii": []}', '{"mpii": null}', '{"mpii": {"digest": 3}}'])
def test_damaged_notes_on_data_sets_are_named(tmp_path, name, text):
    path = tmp_path / "params" / "mine.yaml"
    path.parent.mkdir()
    written(path.parent, lambda v: None)
    study = Study(path)
    study.absent_path.parent.mkdir(parents=True)
    study.absent_path.with_name(f"{name}.json").write_text(text)
    with pytest.raises(StudyError, match=rf"{name}.json: is damaged .*delete it"):
        getattr(study, name)


# ---------------------------------------------------------------- base

BASE = "name: base\ndata_root: data\nsets: {mpii: {simulate: {train: 2, test: 2}}}\nseeds: [0, 1]\n"


def test_a_file_says_only_what_differs_from_its_base(tmp_path):
    (tmp_path / "base.yaml").write_text(BASE)
    (tmp_path / "mine.yaml").write_text(
        "base: base.yaml\nname: mine\nsets: {mpii: {simulate: {test: 5}}}\nseeds: [3]\n"
    )
    (tmp_path / "third.yaml").write_text("base: mine.yaml\nname: third\n")
    profile = read_profile(tmp_path / "third.yaml")
    assert (profile.name, profile.data_root, profile.seeds) == ("third", "data", (3,))
    counts = profile.source("mpii").simulate
    assert (counts.train, counts.test) == (2, 5)
    assert "base" not in read_values(tmp_path / "third.yaml")


@pytest.mark.parametrize(
    ("base", "said"),
    [
        ("mine.yaml", "leads back to itself"),
        ("absent.yaml", "there is no file 'absent.yaml' beside it"),
        ('"a\\nb.yaml"', r"no file 'a\\nb.yaml' beside it"),
        (f"{'a' * 300}.yaml", "there is no file 'aaa"),
        ("../mine.yaml", "not the name of a .yaml file"),
        ("3", "not the name of a .yaml file"),
    ],
)
def test_a_base_that_cannot_be_is_one_line(tmp_path, base, said):
    (tmp_path / "mine.yaml").write_text(f"base: {base}\nname: mine\ndata_root: data\n")
    with pytest.raises(StudyError, match=said):
        read_profile(tmp_path / "mine.yaml")


def test_a_chain_of_bases_is_short(refused, tmp_path):
    """10,000 of them would take a minute."""
    for number in range(30):
        (tmp_path / f"{number}.yaml").write_text(f"base: {number + 1}.yaml\n")
    assert "more than 20 bases" in refused(read_profile, tmp_path / "0.yaml", names=tmp_path / "0.yaml")


def test_a_key_that_stands_twice_is_refused_and_merges_are_not(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(f"{BASE}seeds: [7]\n")
    with pytest.raises(StudyError, match="'seeds' stands there twice"):
        read_profile(path)
    path.write_text(f"{BASE}stage1: &a {{epochs: 3}}\nstage2: {{<<: *a, epochs: 4}}\n")
    assert read_profile(path).stage2.epochs == 4


# ---------------------------------------------------------------- parameter files

GOOD = (PROJECT / "params" / "quick.yaml").read_text()
QUESTION = "question: Does everything run?"
LISTS = [", ".join(["x"] * 10), *(", ".join([f"*b{i}"] * 10) for i in range(11))]
BOMB = "".join(f"\n  - &b{i} [{items}]" for i, items in enumerate(LISTS))  # 10^12 times x


def instead(old, new):
    assert GOOD.count(old) == 1
    return GOOD.replace(old, new)


BOMBS = {
    "in a text": instead(QUESTION, f"question:{BOMB}"),
    "in a list of names": instead("two_d: [mpii]", f"two_d:{BOMB}"),
    "in a list of defects": f"{GOOD}\nlegacy:{BOMB}",
    "of itself": f"{GOOD}\nfair: &x {{mpii: *x}}",
}
NOT_YAML = {
    "no such day": instead(QUESTION, "question: 2020-02-30"),
    "no whole number": instead("seeds: [0]", "seeds: [!!int foo]"),
    "no digits": instead("seeds: [0]", "seeds: [0b_]"),
    "5000 digits": instead("seeds: [0]", f"seeds: [{'9' * 5000}]"),
    "a number as key": f"5: 1\n{GOOD}",
    "yes as key": f"yes: 1\n{GOOD}",
    "null as key": f"~: 1\n{GOOD}",
    "too deep": f"a: {'[' * 500}{']' * 500}",
}


def read_and_digest(path):
    digest_of(read_profile(path).model_dump())


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_parameter_file_that_multiplies_itself_is_refused(refused, tmp_path, bomb):
    path = tmp_path / "study.yaml"
    path.write_text(BOMBS[bomb])
    refused(read_and_digest, path, names=path, seconds=1.5)


def test_a_parameter_file_of_100_000_values_is_not_read_to_its_end(refused, tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(f"{GOOD}\nlegacy: [{'x,' * 100_000}]")
    assert "more than 20,000 values" in refused(read_profile, path, names=path, seconds=6)


@pytest.mark.parametrize("fault", NOT_YAML)
def test_a_parameter_file_that_is_no_yaml_is_refused(refused, tmp_path, fault):
    path = tmp_path / "study.yaml"
    path.write_text(NOT_YAML[fault])
    refused(read_profile, path, names=path)


def test_a_parameter_file_of_unknown_keys_is_refused_in_one_short_line(refused, tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(GOOD + "".join(f"\nk{i}: 1" for i in range(5_000)))
    refused(read_profile, path, names=path)


def test_a_folder_is_no_parameter_file(refused, tmp_path):
    refused(read_profile, tmp_path, names=tmp_path)


# ---------------------------------------------------------------- words for a shell

FOR_A_SHELL = {
    "size.backbones": "size: {backbones: ['narrow18TEXT:8'], shares: [1.0]}",
    "size.two_d": "size: {two_d: 'mpiiTEXT', backbones: ['narrow18:8'], shares: [1.0]}",
    "size.three_d": "size: {three_d: 'h36mTEXT', backbones: ['narrow18:8'], shares: [1.0]}",
    "fair.two_d": "fair: {two_d: 'mpiiTEXT', images: 100, seconds: 10}",
    "fair.three_d": "fair: {three_d: 'h36mTEXT', images: 100, seconds: 10}",
}


@pytest.mark.parametrize("words", ["`touch x`", "/../../x"])
@pytest.mark.parametrize("key", FOR_A_SHELL)
def test_a_parameter_that_a_shell_would_run_is_refused(refused, tmp_path, key, words):
    section = FOR_A_SHELL[key].replace("TEXT", words)
    path = tmp_path / "study.yaml"
    path.write_text(instead("tables: [1, 2]", f"tables: [{4 if 'fair' in key else 5}]") + section)
    assert key in refused(read_profile, path, names=path)


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_is_no_file_is_refused_at_once(refused, tmp_path, kind):
    path = tmp_path / "study.yaml"
    os.mkfifo(path) if kind == "pipe" else path.symlink_to("/dev/zero")
    refused(read_profile, path, names=path, seconds=1.5, memory=256 << 20)


# ---------------------------------------------------------------- any text at all

PIECES = [
    "{",
    "}",
    "[",
    "]",
    ": ",
    "- ",
    "&a ",
    "*a",
    "<<: *a",
    "!!int ",
    "null",
    "~",
    "1e999",
    "-1",
    "'",
    '"',
    "\t",
    "\0",
    "é",
    "|",
    ">",
]


def mangled(text, random):
    """The text with a few places cut, doubled, or replaced."""
    for _ in range(random.integers(1, 4)):
        start = int(random.integers(len(text)))
        end = min(len(text), start + int(random.geometric(0.1)))
        piece = [text[start:end] * 2, "", str(random.choice(PIECES)), str(random.integers(-(10**6), 10**6))]
        text = text[:start] + piece[random.integers(len(piece))] + text[end:]
    return text


def test_any_text_is_read_or_refused_in_one_line(tmp_path):
    """Each trial's number is its seed. FUZZ_SECONDS=600 goes on for longer."""
    path, base = tmp_path / "params" / "mine.yaml", Path(QUICK).read_text(encoding="utf-8")
    path.parent.mkdir()
    end = time.monotonic() + float(os.environ.get("FUZZ_SECONDS", 4))
    trial = 0
    while trial < 300 or ("FUZZ_SECONDS" in os.environ and time.monotonic() < end):
        path.write_text(mangled(base, np.random.default_rng(trial)), encoding="utf-8")
        refusal = str(path)
        try:
            study = Study(path)
            assert all(study.stage(run).hash for run in study.runs), trial
            assert [study.data_settings(name) for name in study.profile.set_names], trial
        except StudyError as error:
            refusal = str(error)
        assert "\n" not in refusal, trial
        assert len(refusal) < 2000, trial
        assert str(path) in refusal, trial
        trial += 1
