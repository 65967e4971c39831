"""``tagmates serve``: the page and the API over some models."""

from pathlib import Path
from typing import Annotated

import torch
import uvicorn
from cyclopts import App, Parameter

from tagmates.errors import ConfigError
from tagmates.model.tagger import Tagger
from tagmates.serve.service import create_service
from tagmates.serve.settings import Limits

app = App(name="serve")


@app.default
def serve(
    models: Annotated[tuple[str, ...], Parameter(help="Run folders.")],
    /,
    *,
    host: Annotated[str, Parameter(help="The address to bind to.")] = "127.0.0.1",
    port: Annotated[int, Parameter(help="0: any that is free.")] = 8000,
    threads: Annotated[int | None, Parameter(help="Threads that tag; default: torch's own choice.")] = None,
) -> None:
    """Serve a page and a JSON API that tag text.

    Example: tagmates serve en
    """
    if threads is not None:
        torch.set_num_threads(threads)
    taggers: dict[str, Tagger] = {}
    for model in models:
        name = Path(model).name
        if name in taggers:
            raise ConfigError(f"{model}: another model is called {name} too; rename its folder")
        taggers[name] = Tagger.from_pretrained(model)
    uvicorn.run(create_service(taggers, Limits()), host=host, port=port, log_level="warning")
