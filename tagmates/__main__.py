"""Starts the command line, also as ``python -m tagmates``; a machine without memory for it is told so in one line."""

import sys
from typing import NoReturn

from tagmates.failures import is_out_of_memory, out_of_memory


def main() -> NoReturn:
    """Import the command line, which brings torch along, and run it."""
    try:
        from tagmates.apps import cli  # noqa: PLC0415  (the memory may end while it is imported)

        cli.main()
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        print(f"tagmates: {out_of_memory(error)}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
