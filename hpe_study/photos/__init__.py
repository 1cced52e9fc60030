"""Your own pictures: photos, folders of them and videos → joints in px and mm, drawn and as tables.

    python -m hpe_study predict IMAGE… --run runs/demo/stage3-mpii-h36m-h36m-seed0 --out my_people

Read (`files`) → whose box (`boxes`) → joints (`reader`) → drawings and tables (`results`).
"""

from hpe_study.photos.boxes import BoxPicker
from hpe_study.photos.files import example, read_photo
from hpe_study.photos.reader import PoseReader
from hpe_study.photos.results import predict, scene, table

__all__ = ["BoxPicker", "PoseReader", "example", "predict", "read_photo", "scene", "table"]
