"""Starts the command line, also as ``python -m tagmates``; too little memory for it is reported in one line."""

import os
import sys
from contextlib import suppress
from typing import NoReturn

from tagmates.errors import OutOfMemoryError
from tagmates.failures import memory_errors


def main() -> NoReturn:
    """Import the command line, and torch with it, and run it."""
    try:
        with memory_errors():
            from tagmates.apps import cli  # noqa: PLC0415  (memory may run out during the import)

            cli.main()
    except KeyboardInterrupt:  # while it is imported
        print("tagmates: interrupted", file=sys.stderr, flush=True)
        sys.exit(130)
    except OutOfMemoryError as error:
        print(f"tagmates: {error}", file=sys.stderr, flush=True)
        with suppress(OSError):
            sys.stdout.flush()
        os._exit(1)  # without memory, native libraries crash when the interpreter ends


if __name__ == "__main__":
    main()
