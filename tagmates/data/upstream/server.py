"""Requests to a server, whose answers are not trusted; failures are errors of one line."""

import re
from http.client import HTTPException, HTTPMessage, HTTPResponse, InvalidURL, responses
from importlib.metadata import version
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

# The standard library: pooch restarts interrupted transfers, and packages that resume them are no longer maintained.
from urllib.request import HTTPRedirectHandler, Request, build_opener

from tagmates.errors import DataError

SCHEMES = ("http", "https")
CONTENT_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15}|\*)")
# some servers give the compression of such files as their encoding
PACKED_SUFFIXES = (".gz", ".tgz", ".bz2", ".xz", ".zip")
MANUAL_ADVICE = "get the file yourself and name its folder with --from DIR"


class BrokenOffError(Exception):
    """A transfer that was interrupted; another attempt may succeed."""


class OtherPartError(BrokenOffError):
    """The server does not send the part that was asked for; the next attempt must ask for the whole file."""


def request_file(url: str, start: int, validator: str, timeout: float) -> HTTPResponse:
    """The response to a request for the file from byte ``start`` on, or for all of it if its version has changed.

    Raises DataError if another attempt is useless, BrokenOffError if it may succeed.
    """
    headers = {"User-Agent": f"tagmates/{version('tagmates')}", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
        if validator:
            headers["If-Range"] = validator
    try:
        if urlsplit(url).scheme not in SCHEMES:
            raise ValueError("it is not http or https")
        response: HTTPResponse = build_opener(_Redirects).open(Request(url, headers=headers), timeout=timeout)
    except HTTPError as error:
        error.close()
        if error.code == 416 and start:
            raise OtherPartError("the server does not have this part of the file") from None
        raise _refused(url, error.code) from None
    except URLError as error:
        raise DataError(
            f"{url}: cannot be reached ({_one_line(error.reason)}); try again when it can, or {MANUAL_ADVICE}"
        ) from None
    except (InvalidURL, ValueError) as error:
        raise DataError(f"{url}: cannot be downloaded ({_one_line(error)}); {MANUAL_ADVICE}") from None
    except (OSError, HTTPException) as error:
        raise BrokenOffError(_one_line(error)) from None
    encoding = response.headers.get("Content-Encoding", "")
    if encoding.lower() not in ("", "identity") and not urlsplit(url).path.endswith(PACKED_SUFFIXES):
        response.close()
        raise DataError(f"{url}: the server sends it in an encoding that was not requested; {MANUAL_ADVICE}")
    if response.status not in (200, 206):
        response.close()
        raise _refused(url, response.status)
    return response


def content_range(response: HTTPResponse) -> tuple[int, int | None, int | None]:
    """The first byte of a response, the byte after its last, and the size of the whole file; None if unknown."""
    if response.status == 200:
        return 0, response.length, response.length
    found = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if found is None:
        raise OtherPartError("the server does not state which part it sends")
    first, last, total = found.groups()
    return int(first), int(last) + 1, None if total == "*" else int(total)


def read_some(response: HTTPResponse, most: int) -> bytes:
    """The next bytes of the file, as soon as there are any; b"" at its end. Raises BrokenOffError."""
    try:
        return response.read1(most)  # ``read`` would wait, and trust any length that a chunk claims
    except (OSError, HTTPException, ValueError) as error:
        raise BrokenOffError(_one_line(error)) from None


class _Redirects(HTTPRedirectHandler):
    def http_error_302(self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage) -> Any:
        fp.close()  # otherwise urllib reads the body of a redirect to its end, which may never come
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        new = urlsplit(newurl).scheme
        if new not in SCHEMES or (new == "http" and urlsplit(req.full_url).scheme == "https"):
            raise ValueError(f"it redirects to {newurl}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _refused(url: str, code: int) -> DataError:
    answer = f"{code} {responses.get(code, '')}".strip()
    advice = f"try again later, or {MANUAL_ADVICE}" if code == 429 or code >= 500 else MANUAL_ADVICE
    return DataError(f"{url}: the server answers {answer}; {advice}")


def _one_line(error: BaseException | str) -> str:
    """The message of an error on one line; it may quote the server."""
    text = str(getattr(error, "strerror", None) or error) or type(error).__name__
    return "".join(character if character.isprintable() else " " for character in text[:200])
