"""`python -m hpe_study …`: the same as the command `hpe-study …`."""

import sys

from hpe_study.cli import main

sys.exit(main())
