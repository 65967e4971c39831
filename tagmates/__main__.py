"""Starts the command line, also as ``python -m tagmates``; a machine without memory for it is told so in one line."""

import os
import sys
from contextlib import suppress
from typing import NoReturn

from tagmates.errors import OutOfMemoryError
from tagmates.failures import memory_errors


def main() -> NoReturn:
    """Import the command line, which brings torch along, and run it."""
    try:
        with memory_errors():
            from tagmates.apps import cli  # noqa: PLC0415  (the memory may end while it is imported)

            cli.main()
    except OutOfMemoryError as error:
        print(f"tagmates: {error}", file=sys.stderr, flush=True)
        with suppress(OSError):
            sys.stdout.flush()
        os._exit(1)  # without memory, native libraries crash while the interpreter takes them down


if __name__ == "__main__":
    main()
