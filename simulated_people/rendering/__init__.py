"""From a shot (people, camera, scene) to an image with labels, on the CPU or a GPU."""
