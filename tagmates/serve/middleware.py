"""ASGI middleware: security headers, allowed hosts, limits of bodies, and clients that disconnect."""

import asyncio
import logging
from collections.abc import Awaitable, Collection
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tagmates.failures import on_one_line
from tagmates.serve.settings import Limits

log = logging.getLogger("tagmates")

SECURITY_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
LOOPBACK = ("localhost", "127.0.0.1", "::1")
ANY_ADDRESS = ("0.0.0.0", "::", "")


def refusal(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """A response with one line that explains the error."""
    return JSONResponse({"detail": " ".join(detail.split())}, status, headers)


def went_wrong(error: Exception) -> str:
    """The message for an unexpected error."""
    return f"something went wrong here ({type(error).__name__}); please report it"


class SecurityHeaders:
    """Adds ``SECURITY_HEADERS`` to every response, and answers unexpected errors with status 500 and one line."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request with ``SECURITY_HEADERS``."""
        started = False

        async def strict(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                MutableHeaders(scope=message).update(SECURITY_HEADERS)
            await send(message)

        try:
            await self._app(scope, receive, strict)
        except Exception as error:
            if scope["type"] != "http" or started:
                raise
            log.warning("%s: %s", scope["path"], on_one_line(error))
            await refusal(500, went_wrong(error))(scope, receive, strict)


class AllowedHosts:
    """Refuses requests to other host names (DNS rebinding) and requests from pages of other sites."""

    def __init__(self, app: ASGIApp, bound: str, allowed: Collection[str]) -> None:
        self._app = app
        self._allowed = {name.lower().strip("[]") for name in allowed}
        self._own = self._allowed | {*LOOPBACK, bound.lower().strip("[]")} - {""}
        self._any_address = bound in ANY_ADDRESS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or refuse the request."""
        if scope["type"] == "http" and (wrong := self._wrong(Headers(scope=scope))):
            return await refusal(403, wrong)(scope, receive, send)
        await self._app(scope, receive, send)

    def _wrong(self, headers: Headers) -> str | None:
        host = headers.get("host", "")
        name = _name(f"//{host}")
        if name not in self._own and not (self._any_address and _is_address(name)):
            return f"host {host[:80]!r}: is not served here; start tagmates serve with --allow-host NAME"
        origin = headers.get("origin")
        if origin is None or origin.partition("://")[2] == host or _name(origin) in self._allowed:
            return None
        return f"origin {origin[:80]!r}: other sites may not ask here; start tagmates serve with --allow-host NAME"


class BodyReader:
    """Reads the body of a POST to ``paths`` within the limits, and cancels the answer if the client disconnects."""

    def __init__(self, app: ASGIApp, limits: Limits, paths: Collection[str]) -> None:
        self._app = app
        self._paths = paths
        self._limits = limits
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request once its body has been read."""
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] not in self._paths:
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return await refusal(415, "content-type: must be application/json")(scope, receive, send)
        body = bytearray()
        try:
            problem = await self._read(body, headers.get("content-length", ""), receive)
            await (
                problem(scope, receive, send) if problem else _until_gone(self._app, scope, bytes(body), receive, send)
            )
        except _GoneError:
            pass
        finally:
            self._held -= len(body)

    async def _read(self, body: bytearray, announced: str, receive: Receive) -> JSONResponse | None:
        """Fill ``body``; returns a refusal if it is too large or too slow, else None."""
        most, seconds = self._limits.body_bytes, self._limits.body_seconds
        too_large = refusal(413, f"body: is larger than {most:,} bytes; send it in parts")
        if announced.isdecimal() and (len(announced) > 18 or int(announced) > most):
            return too_large
        try:
            async with asyncio.timeout(seconds):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _GoneError
                    chunk, more = message.get("body", b""), message.get("more_body", False)
                    if len(body) + len(chunk) > most:
                        return too_large
                    if self._held + len(chunk) > self._limits.bodies_bytes:
                        return refusal(
                            429,
                            "body: the service is reading too many other bodies; try again in 5 s",
                            {"retry-after": "5"},
                        )
                    body += chunk
                    self._held += len(chunk)
        except TimeoutError:
            return refusal(408, f"body: did not arrive within {seconds:g} s; send less, or faster")
        return None


class _GoneError(Exception):
    """The client has disconnected."""


async def _until_gone(app: ASGIApp, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
    """Let ``app`` answer, and cancel it if the client disconnects before."""
    gone = asyncio.ensure_future(_wait_until_gone(receive))
    fresh = True

    async def replay() -> Message:
        nonlocal fresh
        if fresh:
            fresh = False
            return {"type": "http.request", "body": body, "more_body": False}
        await asyncio.shield(gone)
        return {"type": "http.disconnect"}

    answer = asyncio.ensure_future(_awaited(app(scope, replay, send)))
    try:
        await asyncio.wait((answer, gone), return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            await answer
    finally:
        for task in (answer, gone):
            task.cancel()
        await asyncio.gather(answer, gone, return_exceptions=True)


async def _awaited(work: Awaitable[None]) -> None:
    await work


async def _wait_until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _name(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
