"""A small HTTP/1.1 client over asyncio streams, so that hundreds of clients hardly take a core from the service."""

import asyncio
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """A response; headers by their names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """One connection that is kept open, and opened again where the service has closed it between two requests."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, body: bytes) -> Answer:
        """Send JSON and wait for the answer. Raises OSError, ValueError or IncompleteReadError for a broken one."""
        if self.streams is not None and (self.streams[0].at_eof() or self.streams[1].is_closing()):
            self.close()
        if self.streams is None:
            self.streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self.streams
        head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{self.port}\r\ncontent-type: application/json\r\n"
        try:
            writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)
            }
            answer = Answer(int(first.split()[1]), headers, await reader.readexactly(int(headers["content-length"])))
        except BaseException:
            self.close()
            raise
        if headers.get("connection") == "close":
            self.close()
        return answer

    def close(self) -> None:
        """Hang up."""
        if self.streams is not None:
            self.streams[1].close()
        self.streams = None
