"""One module per data set: the images it plans, and its label files in the layout of the real set.

A module has `FOLDERS` (what it writes under the data root), `OPTIONS` (allowed values of its own options),
`IMAGES_PER_ITEM`, `item_count(spec, split)`, `plan_item(spec, split, item)` and
`write(folder, spec, truths)`; it may have `VERSION` (raised when its images change) and `check(spec)`.
"""
