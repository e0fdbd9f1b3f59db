"""`python -m whorl` is the command line `whorl`, for environments whose bin folder is not on the path."""

import sys

from whorl.cli import main

if __name__ == "__main__":
    sys.exit(main())
