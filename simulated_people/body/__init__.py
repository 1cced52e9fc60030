"""The simulated body: its skeleton, its shape, its landmarks and what it wears."""
