"""Your own pictures: photos, folders of them and videos → joints in px and mm, drawn and as tables.

    hpe-study predict IMAGE…

Read (`files`) → find the person, or take the box given, and predict joints (`reader`) → draw (`drawing`) and
write (`results`).
"""

from hpe_study.photos.files import read_photo
from hpe_study.photos.reader import Person, PoseReader, find_person
from hpe_study.photos.results import Batch, table

__all__ = ["Batch", "Person", "PoseReader", "find_person", "read_photo", "table"]
