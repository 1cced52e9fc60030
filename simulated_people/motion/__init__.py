"""Poses and movements: vectors of anatomical angles, drawn by action, free of self-intersections."""
