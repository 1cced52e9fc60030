"""Simulated people with exactly known joints, written as files in the real data sets' layouts.

The code in reading order, each package resting on those before it:

1. `body`: `kinematics` (angles → bones) · `landmarks` (joints) · `clothes` · `model` (skinned mesh)
2. `motion`: `pose_parts` · `templates_*` · `self_collision` · `poses` · `sequences` (movements)
3. `scenes`: `scene` (values) · `furniture` · `layout` · `places` · `placement` (of people) · `camera`
4. `rendering`: `rasterizer` (people) · `ray_tracer` (places) · `shading` · `painting` · `labels` · `render`
5. the sets: `people_sampling` · `render_jobs` · `ground_truth` · `sets` (one module each) · `stand_ins`

>>> make(StandInSpec("mpii", train=1000, test=250), "data/simulated")
"""

from simulated_people.spec import StandInSpec
from simulated_people.stand_ins import NAMES, make

__all__ = ["NAMES", "StandInSpec", "make"]
