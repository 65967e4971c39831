"""What to do about the errors of the operating system: one sentence for each kind, wherever they come up."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from tagmates.errors import OutOfMemoryError

NO_LOCKS = frozenset({errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK})  # of flock
PASSING = frozenset({errno.ENOMEM, errno.EMFILE, errno.ENFILE})  # say nothing about the file that was to be opened
GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ESTALE})
IN_ITS_PLACE = frozenset({errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY, errno.ELOOP})

_ADVICE = {
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
    errno.EACCES: "see to its permissions",
    errno.EPERM: "see to its permissions",
    errno.EROFS: "make its disk writable",
    errno.EIO: "see to its disk, which reports an error",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
    errno.ENFILE: "close other programs, which have too many files open",
    errno.ENOMEM: "close other programs, or raise the limit on memory (ulimit -v)",
    errno.ENAMETOOLONG: "give a shorter name",
    **dict.fromkeys(GONE, "its folder is missing: restore it"),
    **dict.fromkeys(IN_ITS_PLACE, "something else is in its place: move that away"),
}
_OF_MEMORY = (
    "allocate memory",
    "out of memory",
    "bad_alloc",
    "failed to map segment",
    "can't start new thread",
    "without exception set",
)


def what_to_do(error: OSError) -> str:
    """What to do where a file or folder cannot be read or written; a clause that "and try again" can follow."""
    return _ADVICE.get(error.errno or 0, "see to that place")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that there is too little memory or address space; libraries have one each."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    # torch's; the dynamic linker's; what CPython says of C code that fails without a word
    foreign = isinstance(error, (RuntimeError, ImportError, SystemError))
    return isinstance(error, MemoryError) or (foreign and any(text in str(error).lower() for text in _OF_MEMORY))


@contextmanager
def memory_errors() -> Iterator[None]:
    """Raise OutOfMemoryError, which is one line, for every error in this block that means too little memory."""
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise out_of_memory(error) from None


def out_of_memory(error: BaseException) -> OutOfMemoryError:
    """The same in one line, and what to do about it."""
    said = " ".join(str(error).split()) or type(error).__name__
    advice = "close other programs, or raise the limit (ulimit -v), and try again"
    return OutOfMemoryError(f"there is not enough memory ({said[:200]}); {advice}")
