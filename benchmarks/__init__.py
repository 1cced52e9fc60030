"""What the study costs, measured: against a literal twin of the way it was done before (`make bench`), and
against size (`growth`)."""
