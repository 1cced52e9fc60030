"""`python -m simulated_people`: see `cli`."""

import sys

from simulated_people.cli import main

if __name__ == "__main__":
    sys.exit(main())
