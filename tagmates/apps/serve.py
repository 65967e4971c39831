"""``tagmates serve``: the page and the API over some models."""

import os
import socket
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import uvicorn
from cyclopts import App, Parameter
from rich.console import Console

from tagmates.apps.shared import use_threads
from tagmates.errors import ConfigError
from tagmates.model.pretrained import find_model
from tagmates.model.tagger import Tagger
from tagmates.serve.connections import configuration, listen
from tagmates.serve.middleware import LOOPBACK
from tagmates.serve.responses import licence_of
from tagmates.serve.service import create_service
from tagmates.serve.settings import Limits
from tagmates.settings_parsing import override, parse
from tagmates.training.train import choose_device

app = App(name="serve")  # its help stands where it is registered
talk = Console(stderr=True)


@app.default
def serve(
    models: Annotated[tuple[str, ...], Parameter(help="As RUN of tag; the first is the default.")],
    /,
    *,
    host: Annotated[str, Parameter(help="The address to bind to; 0.0.0.0: all, so that other machines may ask.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, Parameter(help="0: any that is free.")] = 8000,
    allow_host: Annotated[
        tuple[str, ...],
        Parameter(negative="", help="A further name by which browsers may reach the service; repeatable."),
    ] = (),
    threads: Annotated[int | None, Parameter(help="Threads that tag; default: torch's own choice.")] = None,
    queue: Annotated[int | None, Parameter(help="How many tokens may wait before requests are refused (429).")] = None,
    timeout: Annotated[float | None, Parameter(help="Seconds after which a request is given up (503).")] = None,
    set_: Annotated[
        tuple[str, ...],
        Parameter(
            name="--set", negative="", help="Another limit, e.g. body_bytes=100000; repeatable; see /api/models."
        ),
    ] = (),
    vectors: Annotated[
        str | None, Parameter(help="Vectors for words never seen in training: glove, random, or a GloVe text file.")
    ] = None,
    device: Annotated[str, Parameter(help="auto, cpu or cuda.")] = "cpu",
) -> None:
    """Load the models, bind, and serve until a signal comes."""
    limits = _limits(set_, queue, timeout)
    use_threads(threads)
    if not 0 <= port < 2**16:
        raise ConfigError(f"--port {port}: must be from 0 to 65535")
    try:
        listener = listen(host, port)
    except OSError as error:
        raise ConfigError(f"--host {host} --port {port}: {error.strerror}; choose another (--port 0: any)") from None
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
    """Says where it serves; a signal lets it finish what is in hand and end with exit code 0, a second one ends it."""

    def __init__(self, config: uvicorn.Config, text: str) -> None:
        super().__init__(config)
        self._text = text

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        talk.print(self._text, highlight=False, markup=False, soft_wrap=True)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            os._exit(128 + sig)
        self.should_exit = True  # uvicorn's own would raise the signal once more in the end, and lose the exit code


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
    tagger.tag([["Ready", "."]], probabilities=True)  # so that nobody waits for what is compiled on first use
    return tagger
