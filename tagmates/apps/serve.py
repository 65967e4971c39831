"""The command ``serve``, for the page and the API."""

import os
import socket
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import uvicorn
from cyclopts import App, Parameter

from tagmates.apps.shared import Device, Flag, NewWordVectors, say, use_threads
from tagmates.errors import ConfigError, TagmatesError
from tagmates.installed import get_extra
from tagmates.model.pretrained import find_model
from tagmates.model.tagger import Tagger
from tagmates.serve.connections import configuration, listen
from tagmates.serve.middleware import LOOPBACK
from tagmates.serve.responses import licence_of
from tagmates.serve.service import create_service
from tagmates.serve.settings import Limits
from tagmates.settings_parsing import override, parse
from tagmates.training.device import choose_device

app = App(name="serve")  # its help text is in ``cli``


@app.default
def serve(
    models: Annotated[
        tuple[str, ...], Parameter(help="The taggers, each named as MODEL of tagmates tag; the first is the default.")
    ],
    /,
    *,
    host: Annotated[
        str, Parameter(help="The address to listen on; 0.0.0.0: all, so that other machines can connect.")
    ] = ("127.0.0.1"),
    port: Annotated[int, Parameter(help="The port to listen on; 0: any free one.")] = 8000,
    allow_host: Annotated[
        tuple[str, ...],
        Flag(help="Another host name by which browsers may reach the service; repeatable."),
    ] = (),
    threads: Annotated[int | None, Parameter(help="Number of torch threads; default: chosen by torch.")] = None,
    queue: Annotated[
        int | None,
        Parameter(help="Number of tokens that may wait before requests are refused (429). [default: 100000]"),
    ] = None,
    timeout: Annotated[
        float | None, Parameter(help="Seconds after which a request is given up (503). [default: 30]")
    ] = None,
    set_: Annotated[
        tuple[str, ...],
        Flag(
            name="--set", help="Another limit, for example body_bytes=100000; repeatable; docs/serving.md lists them."
        ),
    ] = (),
    vectors: NewWordVectors = None,
    device: Device = "cpu",
) -> None:
    """Load the models, listen, and serve until a signal comes."""
    limits = _limits(set_, queue, timeout)
    use_threads(threads)
    if not 0 <= port < 2**16:
        raise ConfigError(f"--port {port}: must be from 0 to 65535")
    try:
        listener = listen(host, port)
    except OSError as error:
        raise ConfigError(
            f"--host {host} --port {port}: {error.strerror}; choose another (--port 0: any free one)"
        ) from None
    with listener:
        folders = _folders(models)
        taggers = {name: _load(folder, choose_device(device), vectors) for name, folder in folders.items()}
        licences = {name: licence_of(folder) for name, folder in folders.items()}
        service = create_service(taggers, limits, licences=licences, bound=host, hosts=allow_host)
        address, number = listener.getsockname()[:2]
        name = f"[{address}]" if ":" in address else address
        near = "" if host in LOOPBACK else " to every machine that reaches it"
        text = f"tagmates: serving {', '.join(taggers)} on http://{name}:{number}{near} (Ctrl-C ends it)"
        _Server(configuration(service, limits), text).run([listener])


class _Server(uvicorn.Server):
    """Prints its address. After a signal it answers the requests that have arrived; a second signal ends it at once."""

    def __init__(self, config: uvicorn.Config, text: str) -> None:
        super().__init__(config)
        self._text = text

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        with suppress(SystemExit):  # older versions return
            await super().startup(sockets)
        if not self.started:
            raise TagmatesError(f"the service could not start: its packages may not fit together: {get_extra('serve')}")
        say(self._text)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            os._exit(128 + sig)
        # uvicorn's own method would raise the signal again at the end, which loses the exit code
        self.should_exit = True


def _limits(settings: tuple[str, ...], queue: int | None, timeout: float | None) -> Limits:
    values: dict[str, Any] = {}
    for text in settings:
        override(values, text)
    given = {"queue_tokens": queue, "seconds": timeout}
    return parse(Limits, values | {key: value for key, value in given.items() if value is not None}, "limits")


def _folders(models: tuple[str, ...]) -> dict[str, Path]:
    folders: dict[str, Path] = {}
    for model in models:
        name = Path(model).resolve().name
        if name in folders:
            raise ConfigError(f"{model}: another model is called {name} too; rename its folder")
        folders[name] = find_model(model)
    return folders


def _load(folder: Path, device: str, vectors: str | None) -> Tagger:
    tagger = Tagger.from_pretrained(folder, device=device, vectors=vectors)
    tagger.tag([["Ready", "."]], probabilities=True)  # compiles the kernels, so that the first request does not wait
    return tagger
