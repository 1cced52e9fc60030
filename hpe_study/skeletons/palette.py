"""The colours of a person's right, left and middle, the same in every drawing of the project.

They are of Okabe and Ito's palette, which people with the common colour vision deficiencies tell apart
(Okabe & Ito 2008, "Color Universal Design").
"""

RIGHT, LEFT, MIDDLE = "#D55E00", "#0072B2", "#009E73"

COLOURS = {"r_": RIGHT, "l_": LEFT, "": MIDDLE}  # by the prefix of a joint's name; the middle has none
SIDES = {"r_": "right", "l_": "left", "": "middle"}
IN_WORDS = {"r_": "orange", "l_": "blue", "": "green"}  # what captions and texts call the colours
LEGEND = f"{IN_WORDS['r_']}: own right, {IN_WORDS['l_']}: own left, {IN_WORDS['']}: middle"


def colour_of(joint: str) -> str:
    """The colour of a joint, and of the bone that ends in it."""
    return COLOURS.get(joint[:2], MIDDLE)
