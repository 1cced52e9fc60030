"""The skeleton viewer: `Viewer(run)` or `Viewer(records)` as the last line of a notebook cell.

    Viewer("../runs/demo/stage3-mpii-h36m-h36m-seed0")            a run's folder: predictions beside the
                                                                  truth, any other run beside it
    Viewer(study)                                                 the last evaluated run of a `study.Study`
    Viewer(open_dataset("h36m", "../data/simulated/demo", "test"))   raw records: box, labels, the skeleton
                                                                     before and after conversion

Works from run records alone; pictures and heat maps come where the prepared data and the checkpoint are at
hand, and words say so where they are not.
"""

from hpe_study.viewer.controls import Viewer
from hpe_study.viewer.runs import evaluated

__all__ = ["Viewer", "evaluated"]
