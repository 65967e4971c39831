"""The command line parses arguments, calls the library and prints: data to stdout, messages to stderr."""

import gc
import logging
import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Literal, NoReturn

from cyclopts import App, CycloptsError, Parameter
from cyclopts.completion.detect import ShellDetectionError

from tagmates.apps.curves import curves
from tagmates.apps.data import app as data_app
from tagmates.apps.evaluate import evaluate
from tagmates.apps.export import export
from tagmates.apps.export_metrics import export_metrics
from tagmates.apps.rank import rank
from tagmates.apps.shared import be_quiet, end, say, warn
from tagmates.apps.tag import tag
from tagmates.apps.train import train
from tagmates.errors import ConfigError, OutOfMemoryError, TagmatesError
from tagmates.failures import memory_errors, what_to_do
from tagmates.files import ESCAPED
from tagmates.installed import VERSION, get_extra

app = App(
    name="tagmates",
    version=VERSION,
    help="Finds out which sequence-tagging tasks learn better together, and trains the taggers that come out of it.",
    result_action="return_value",  # ``main`` flushes stdout, prints errors and exits
    suppress_keyboard_interrupt=False,
)
app.command(data_app)
app.command(train)
app.command(evaluate)
app.command(export)
app.command(export_metrics)
app.command(tag)
app.command(curves)
app.command(rank)
app.command(  # imported on first use, because its packages are an extra
    "tagmates.apps.study:app",
    name="study",
    help="Find out which tasks learn better together: plan, run and report a study of many runs.",
)
app.command(
    "tagmates.apps.serve:app",
    name="serve",
    help="""Serve a page and a JSON API that tag text with one or several models.

    After Ctrl-C or SIGTERM, the service answers the requests that have arrived and ends; after a second one, it ends at
    once. The API is described in docs/serving.md.

    Example: tagmates serve en runs/a --port 8000""",
)
SERVE_PACKAGES = ("fastapi", "uvicorn", "starlette", "prometheus_client")


@app.command(name="--install-completion")
def install_completion(
    *,
    shell: Annotated[
        Literal["bash", "zsh", "fish"] | None, Parameter(help="The shell; default: the one that runs this command.")
    ] = None,
    output: Annotated[
        Path | None, Parameter(help="The file to write; default: where the shell looks for completions.")
    ] = None,
) -> None:
    """Let the shell complete commands and options of tagmates, from its next start on.

    Without --output, a line that loads the file is added to the shell's own file (.bashrc, .zshrc).

    Example: tagmates --install-completion --shell bash
    """
    try:
        path = app.install_completion(shell=shell, output=output, add_to_startup=output is None)
    except ShellDetectionError:
        raise ConfigError(
            "--install-completion: cannot tell which shell this is; give --shell bash, zsh or fish"
        ) from None
    say(f"wrote {path}; start the shell again")


def main() -> NoReturn:
    """Run the command line. Exit codes: 0 done, 1 data or run error, 2 usage, 3 failed runs, 130 interrupted."""
    if not isinstance(sys.stdout, TextIOWrapper):
        end(1, "tagmates: standard output: is closed; send it to a file, a pipe or /dev/null")
    gc.set_threshold(100_000)  # a large study makes a million lasting objects; searching them takes a tenth of the time
    # UTF-8 whatever the locale, like all input; file names that are not UTF-8 are escaped
    sys.stdout.reconfigure(encoding="utf-8", errors=ESCAPED)
    be_quiet(False)
    logging.getLogger("tagmates").addHandler(_WarningHandler(logging.WARNING))
    try:
        with memory_errors():
            code = app(sys.argv[1:], exit_on_error=False, print_error=False) or 0
        sys.stdout.flush()
    except KeyboardInterrupt:
        end(130, "tagmates: interrupted")
    except BrokenPipeError:
        _discard_output()  # the reader of stdout has gone
        sys.exit(1)
    except OSError as error:
        if error.filename is None:
            _discard_output()
        where, what = error.filename or "standard output", error.strerror or error
        end(1, f"tagmates: {where}: {what}; {what_to_do(error)}, or choose another place")
    except UnicodeEncodeError as error:  # a path from a file of settings, in a locale without its characters
        name, there = ascii(error.object)[:200], sys.getfilesystemencoding()
        end(1, f"tagmates: {name}: file names of this locale are in {there}; set PYTHONUTF8=1, or rename the file")
    except CycloptsError as error:
        command = " ".join(["tagmates", *(error.command_chain or ())])
        end(2, f"tagmates: {' '.join(str(error).split())} (see {command} --help)")
    except RuntimeError as error:  # of Path.resolve
        if "Symlink loop" not in str(error):
            raise
        end(2, f"tagmates: {error}; name another file or folder")
    except ImportError as error:
        # of a command that is imported on first use
        cause = error.__cause__ if isinstance(error.__cause__, ImportError) else error
        missing = str(cause.name).partition(".")[0]
        extra = "serve" if missing in SERVE_PACKAGES else "study"
        end(2, f"tagmates: needs the package {missing}: {get_extra(extra)}")
    except OutOfMemoryError:
        raise  # __main__ prints it and ends the process
    except TagmatesError as error:
        end(2 if isinstance(error, ConfigError) else 1, f"tagmates: {error}")
    sys.exit(code)


def _discard_output() -> None:
    """Discard the output that is not flushed yet, since flushing it at exit would fail and print another error."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _WarningHandler(logging.Handler):
    """Prints the warnings of the library to stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one line."""
        warn(f"tagmates: {record.getMessage()}")


if __name__ == "__main__":
    main()
