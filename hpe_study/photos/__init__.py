"""Your own pictures: photos, folders of them and videos → joints in px and mm, drawn and as tables.

    python -m hpe_study predict IMAGE… --run runs/demo/stage3-mpii-h36m-h36m-seed0 --out my_people

Read (`files`) → find the person's box (`boxes`) → predict joints (`reader`) → draw (`drawing`) and write
(`results`).
"""

from hpe_study.photos.boxes import BoxPicker
from hpe_study.photos.drawing import scene
from hpe_study.photos.files import example, read_photo
from hpe_study.photos.reader import PoseReader
from hpe_study.photos.results import predict
from hpe_study.photos.tables import table

__all__ = ["BoxPicker", "PoseReader", "example", "predict", "read_photo", "scene", "table"]
