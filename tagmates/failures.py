"""Errors of the operating system: their kinds, and one piece of advice for each."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from tagmates.errors import OutOfMemoryError

# of flock, where the file system has no locks
LOCK_ERRORS = frozenset({errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK})
# of a process that lacks resources, which may pass; the file that it opens may be fine
RESOURCE_ERRORS = frozenset({errno.ENOMEM, errno.EMFILE, errno.ENFILE})
# of a disk on which nothing else could be written either
DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO})
MISSING_FOLDER_ERRORS = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ESTALE})
# something else has the name of the file
NAME_TAKEN_ERRORS = frozenset({errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY, errno.ELOOP})

ADVICE = {
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
    errno.EACCES: "check its permissions",
    errno.EPERM: "check its permissions",
    errno.EROFS: "make its disk writable",
    errno.EIO: "check its disk, which reports an error",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
    errno.ENFILE: "close other programs, which have too many files open",
    errno.ENOMEM: "close other programs, or raise the limit on memory (ulimit -v)",
    errno.ENAMETOOLONG: "give a shorter name",
    **dict.fromkeys(MISSING_FOLDER_ERRORS, "its folder is missing: restore it"),
    **dict.fromkeys(NAME_TAKEN_ERRORS, "something else is in its place: move that away"),
}
# parts of the messages of other libraries
MEMORY_MESSAGES = (
    "allocate memory",
    "out of memory",
    "bad_alloc",
    "failed to map segment",
    "can't start new thread",
    "without exception set",
)


def what_to_do(error: OSError) -> str:
    """Advice for a file or folder that cannot be read or written: a clause, after which "and try again" may follow."""
    return ADVICE.get(error.errno or 0, "check that place")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that there is too little memory or address space; every library has its own error."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    # of torch, of the dynamic linker, and of CPython when C code fails without an exception
    foreign = isinstance(error, (RuntimeError, ImportError, SystemError))
    return isinstance(error, MemoryError) or (foreign and any(text in str(error).lower() for text in MEMORY_MESSAGES))


def first_line(error: BaseException) -> str:
    """The first line of an error's text, at most 200 characters, or its kind if it has none."""
    return str(error).strip().partition("\n")[0][:200] or type(error).__name__


def on_one_line(error: BaseException) -> str:
    """The kind and the text of an error in one line, at most 300 characters."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


@contextmanager
def memory_errors() -> Iterator[None]:
    """Raise OutOfMemoryError, whose message is one line, for every error in this block that means too little memory."""
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise out_of_memory(error) from None


def out_of_memory(error: BaseException) -> OutOfMemoryError:
    """The error as one line, with advice."""
    said = " ".join(str(error).split()) or type(error).__name__
    advice = "close other programs, or raise the limit (ulimit -v), and try again"
    return OutOfMemoryError(f"there is not enough memory ({said[:200]}); {advice}")
