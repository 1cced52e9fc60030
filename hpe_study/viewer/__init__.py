"""The skeleton viewer: `Viewer()` as the last line of a notebook cell.

    Viewer()                                                      a real person, by the network in the box
    Viewer("me.jpg")                                              your own photo (or by the upload button)
    Viewer("../runs/demo/stage3-mpii-h36m-h36m-seed0")            a run's folder: its predictions and the
                                                                  truth; any other run beside it
    Viewer(study)                                                 the last evaluated run of a `study.Study`
    Viewer(open_dataset("h36m", "../data/simulated/demo", "test"))   raw records: box, labels, the skeleton
                                                                     before and after conversion

It works from run records alone. Pictures and heat maps are shown where the prepared data and the checkpoint
are at hand; where they are not, the view says so.
"""

from hpe_study.study.steps import evaluated
from hpe_study.viewer.controls import Viewer
from hpe_study.viewer.photo import BoxPicker, PhotoPeople, examples

__all__ = ["BoxPicker", "PhotoPeople", "Viewer", "evaluated", "examples"]
