"""Where people are photographed: places, furniture, and the cameras that look at them."""
