"""tagmates.model.hub: models from a server on this machine that behaves as the Hugging Face Hub."""

import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from helpers import make_corpora, make_run
from huggingface_hub import constants

from tagmates import ConfigError, ModelError, Tagger
from tagmates.errors import DiskError
from tagmates.model.hub import TAGGER_FILES, download_encoder, download_model

REPO = "anna/small"
COMMITS = ("1" * 40, "2" * 40)


class Handler(BaseHTTPRequestHandler):
    server: "Hub"

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.wfile.write(self.answer())

    def answer(self) -> bytes:
        """Send the head of the answer; the body comes back."""
        path = unquote(urlsplit(self.path).path).strip("/")
        self.server.asked.append(path)
        hub = self.server
        if hub.broken is not None:
            return self.send(*hub.broken)
        for prefix, revision in ((f"api/models/{REPO}/revision/", "api"), (f"{REPO}/resolve/", "file")):
            if path.startswith(prefix):
                asked, _, file = path.removeprefix(prefix).partition("/")
                commit = hub.revisions.get(asked, asked)
                if commit not in hub.commits:
                    return self.send(404, b"{}", X_Error_Code="RevisionNotFound")
                files = hub.commits[commit]
                if revision == "api":
                    siblings = [{"rfilename": name, "size": len(data)} for name, data in files.items()]
                    siblings = [{**s, **hub.lies.get(str(s["rfilename"]), {})} for s in siblings]
                    return self.send(200, json.dumps({"id": REPO, "sha": commit, "siblings": siblings}).encode())
                etag = f'"{hashlib.sha256(files[file]).hexdigest()}"'
                return self.send(200, files[file], ETag=etag, X_Repo_Commit=commit)
        return self.send(404, b"{}", X_Error_Code="RepoNotFound")

    def send(self, status: int, body: bytes, **headers: str) -> bytes:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        return body

    def log_message(self, format: str, *args: object) -> None:
        pass


class Hub(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.commits = {COMMITS[0]: files}
        self.revisions = {"main": COMMITS[0]}
        self.lies: dict[str, dict[str, int]] = {}  # what is said of a file that is not so
        self.broken: tuple[int, bytes] | None = None  # the answer to everything
        self.asked: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    @property
    def downloads(self) -> list[str]:
        return [path for path in self.asked if "/resolve/" in path]


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    return make_run(make_corpora(1, {"one": ["A", "O"]}), "multi_dec").tagger


@pytest.fixture
def hub(tagger: Tagger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    tagger.save_pretrained(tmp_path / "model")
    files = {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()}
    files |= {"README.md": b"A card.", "code.py": b"raise SystemExit", "onnx/model.onnx": b"0" * 100}
    with Hub(files) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setenv("TAGMATES_CACHE", str(tmp_path / "cache"))
        yield server
        server.shutdown()
        thread.join()


def test_a_model_comes_with_its_files_and_no_others(hub: Hub, tagger: Tagger, tmp_path: Path) -> None:
    folder = download_model(f"hf://{REPO}")
    assert folder == tmp_path / "cache" / "hub" / REPO / COMMITS[0]
    expected = {name: data for name, data in hub.commits[COMMITS[0]].items() if name in TAGGER_FILES.files}
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == expected
    assert not any(path.is_symlink() for path in folder.iterdir())
    assert sorted(path.name for path in folder.parent.iterdir()) == [COMMITS[0], "main.commit"]
    sentences = [["Anna", "sleeps"], ["?"]]
    assert Tagger.from_pretrained(folder).tag(sentences) == tagger.tag(sentences)


def test_nothing_is_downloaded_twice_and_a_branch_is_followed(hub: Hub) -> None:
    first = download_model(f"hf://{REPO}")
    hub.asked.clear()
    assert download_model(f"hf://{REPO}@main") == first
    assert hub.downloads == []
    hub.commits[COMMITS[1]] = hub.commits[COMMITS[0]] | {"README.md": b"Another card."}
    hub.revisions["main"] = COMMITS[1]
    second = download_model(f"hf://{REPO}")
    assert (first / "README.md").read_bytes() == b"A card."
    assert (second / "README.md").read_bytes() == b"Another card."
    hub.asked.clear()
    assert download_model(f"hf://{REPO}@{COMMITS[0]}") == first  # a commit is what it is
    assert hub.asked == []


def out_of_reach(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{closed.getsockname()[1]}")


def offline(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


def overloaded(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.broken = 503, b"later"


def a_page_to_log_in_at(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.broken = 200, b"<html>Welcome to our hotel</html>"


@pytest.mark.parametrize("cut_off", [out_of_reach, offline, overloaded, a_page_to_log_in_at])
def test_without_the_hub_what_is_here_serves(
    hub: Hub,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    cut_off: Callable[[Hub, pytest.MonkeyPatch], None],
) -> None:
    folder = download_model(f"hf://{REPO}")
    cut_off(hub, monkeypatch)
    assert download_model(f"hf://{REPO}") == folder
    assert "the hub cannot be reached" in caplog.text
    assert "taken from the cache, as of commit 11111111" in caplog.text
    assert download_model(f"hf://{REPO}@{COMMITS[0]}") == folder
    with pytest.raises(
        ModelError, match=r"^hf://anna/other: the hub cannot be reached \(.*\), and it is not in the"
    ) as e:
        download_model("hf://anna/other")
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hf://anna/other", "hf://anna/other: is not on the hub; check its name"),
        (f"hf://{REPO}@v9", f"hf://{REPO}@v9: has no revision 'v9'; name a branch"),
    ],
)
def test_what_the_hub_does_not_have(hub: Hub, name: str, message: str) -> None:
    with pytest.raises(ModelError) as error:
        download_model(name)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "name",
    [
        *("hf://", "hf://anna", "hf://anna/small/more", "hf://../small", "hf://anna/..", "hf://anna/small@"),
        *("anna/small", "hf://anna/sm all", "hf://anna/small\n", "hf://.anna/small", "hf://anna/sm--all"),
    ],
)
def test_a_name_that_cannot_be(hub: Hub, name: str) -> None:
    with pytest.raises(ConfigError, match="names no model on the hub"):
        download_model(name)
    assert hub.asked == []


@pytest.mark.parametrize("missing", TAGGER_FILES.required)
def test_another_model_is_refused_before_the_download(hub: Hub, missing: str) -> None:
    del hub.commits[COMMITS[0]][missing]
    with pytest.raises(ModelError, match=rf"is no tagmates model \(it has no {missing}\)"):
        download_model(f"hf://{REPO}")
    assert hub.downloads == []


def test_of_an_encoder_only_settings_tokenizer_and_safe_weights_are_downloaded(hub: Hub) -> None:
    more = ("tokenizer.json", "vocab.txt", "pytorch_model.bin", "modeling_evil.py", "onnx/model.safetensors")
    hub.commits[COMMITS[0]] |= dict.fromkeys(more, b"{}")
    folder = download_encoder(f"hf://{REPO}")
    assert {path.name for path in folder.iterdir()} == {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "vocab.txt",
    }
    assert folder.parts[-4] == "encoders"
    hub.commits[COMMITS[1]] = {"config.json": b"{}", "tokenizer.json": b"{}"}
    with pytest.raises(ModelError, match="has no weights as safetensors"):
        download_encoder(f"hf://{REPO}@{COMMITS[1]}")


def test_a_large_model_is_refused_before_the_download(hub: Hub) -> None:
    size = sum(len(data) for name, data in hub.commits[COMMITS[0]].items() if name in TAGGER_FILES.files)
    with pytest.raises(ModelError, match=f"has {size:,} bytes, more than {size - 1:,}"):
        download_model(f"hf://{REPO}", max_bytes=size - 1)
    assert hub.downloads == []
    assert download_model(f"hf://{REPO}", max_bytes=size).is_dir()


def test_a_file_of_another_size_than_the_hub_said_is_not_kept(hub: Hub, tmp_path: Path) -> None:
    hub.lies["config.json"] = {"size": 3}
    with pytest.raises(ModelError, match=r"config\.json came otherwise than the hub had said"):
        download_model(f"hf://{REPO}")
    assert list((tmp_path / "cache" / "hub" / REPO).iterdir()) == []


def test_an_answer_without_a_commit_is_none_of_the_hub(hub: Hub) -> None:
    siblings = [{"rfilename": name, "size": 1} for name in TAGGER_FILES.required]
    hub.broken = 200, json.dumps({"id": REPO, "sha": "../../x", "siblings": siblings}).encode()
    with pytest.raises(ModelError, match="something else answers in its place"):
        download_model(f"hf://{REPO}")


@pytest.mark.parametrize("name", [".", "model.safetensors", ".."])
def test_a_model_that_others_can_change_is_refused(hub: Hub, name: str) -> None:
    """So is one in a folder in which they could put another in its place."""
    folder = download_model(f"hf://{REPO}")
    (folder / name).chmod(0o775)
    if name == "..":
        folder.chmod(0o775)
    for revision in ("main", COMMITS[0]):
        with pytest.raises(ModelError, match=rf"{folder}: other users can change this model; delete the folder"):
            download_model(f"hf://{REPO}@{revision}")
    (folder / name).chmod(0o755)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert download_model(f"hf://{REPO}@{COMMITS[0]}") == folder


def test_a_model_is_private_whatever_the_umask(hub: Hub) -> None:
    before = os.umask(0o002)
    try:
        folder = download_model(f"hf://{REPO}")
    finally:
        os.umask(before)
    hub.broken = (500, b"")
    assert download_model(f"hf://{REPO}") == folder  # as what main was when last asked for


def test_without_the_extra_it_says_what_to_install(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ModelError, match=r"needs the package huggingface_hub: pip install .*(\[hub\]|huggingface_hub)"):
        download_model(f"hf://{REPO}")


def test_a_cache_that_cannot_be_written_is_said(hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TAGMATES_CACHE", str(tmp_path / "file"))
    with pytest.raises(DiskError, match=r"file.*; (its folder is missing|something else is in its place)"):
        download_model(f"hf://{REPO}")


@pytest.mark.slow
def test_the_environment_says_where_the_hub_is_and_nothing_is_printed(hub: Hub, tmp_path: Path) -> None:
    code = (
        f"from tagmates.model.hub import download_model; folder = download_model('hf://{REPO}'); assert folder.is_dir()"
    )
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "TAGMATES_CACHE": str(tmp_path / "cache")}
    environment.pop("HF_HUB_OFFLINE", None)
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    hub.asked.clear()
    environment["HF_HUB_OFFLINE"] = "1"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "taken from the cache" in done.stderr
    assert hub.asked == []
