"""People kept apart by split, and places in the picture."""

from simulated_people.body.model import shared_body
from simulated_people.people_sampling import bodies_of_split, sample_subjects
from simulated_people.spec import StandInSpec


def test_bodies_of_train_and_test_are_all_of_the_model_and_never_the_same():
    train, test = set(bodies_of_split("train")), set(bodies_of_split("test"))
    assert not train & test
    assert train | test == set(shared_body("cpu").people)
    assert len(test) > 100


def test_no_two_subjects_are_alike_and_they_are_the_same_every_time():
    spec = StandInSpec("h36m", 1, 1)
    subjects = sample_subjects(spec, "train", ["S1", "S5", "S6", "S7", "S8"])
    assert len({body for body, _ in subjects.values()}) == 5
    assert subjects == sample_subjects(spec, "train", ["S1", "S5", "S6", "S7", "S8"])
    other = sample_subjects(spec, "test", ["S9", "S11"])
    assert not any(worn == theirs for _, worn in subjects.values() for _, theirs in other.values())
