"""`python -m hpe_study.datasets …`: the same as `hpe-study data …`."""

import sys

from hpe_study.datasets.commands import main

if __name__ == "__main__":
    sys.exit(main())
