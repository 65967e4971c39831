"""The settings of a run: typed and frozen, with the protocol's choices (preset ``paper``) as defaults.

Unknown keys are errors. ``settings_parsing`` reads settings from files and the command line.
"""

import json
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tagmates.formatting import suggestion

MAX_SIZE = 2**14  # of a layer; a larger number is a typing error
VECTOR_SOURCES = ("glove", "random")
SHA256_PREFIX = "of sha256 "  # begins the name of vectors that came from a file; its digits follow
ENCODER_PREFIX = "encoder of sha256 "  # begins the name of a pretrained encoder; its digits follow
Sharing = Literal["stl", "multi_dec", "te_dec", "te_enc"]


class Settings(BaseModel):
    """Base of all settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ModelSettings(Settings):
    """The layers of the tagger: their sizes and dropout, and its pretrained encoder, if any (protocol section 1).

    ```python
    import tagmates

    small = tagmates.ModelSettings(hidden_size=64, layers=1)
    print(tagmates.RunConfig(tasks=("upos", "chunk"), model=small).model.hidden_size)
    ```
    """

    word_size: int = Field(50, ge=1, le=MAX_SIZE)
    character_size: int = Field(25, ge=1, le=MAX_SIZE)
    character_hidden_size: int = Field(25, ge=1, le=MAX_SIZE, description="per direction")
    character_layers: int = Field(2, ge=1, le=64)
    character_dropout: float = Field(0.25, ge=0, lt=1, description="between the layers of the character GRU")
    hidden_size: int = Field(300, ge=1, le=MAX_SIZE, description="of the word GRU, per direction")
    layers: int = Field(2, ge=1, le=64, description="of the word GRU")
    dropout: float = Field(0.5, ge=0, lt=1, description="between the layers of the word GRU")
    task_size: int = Field(25, ge=1, le=MAX_SIZE, description="task embedding of te_dec")
    encoder: str = Field(
        "",
        description="a pretrained encoder of Hugging Face transformers: a folder, hf://user/name, or an installed "
        "Python package that holds one; empty: none",
    )
    finetune: bool = Field(
        True,
        description="whether the pretrained encoder is fine-tuned, in place of words, characters and GRU; if not, "
        "its states take the place of the word vectors",
    )
    pooling: Literal["first", "mean"] = Field(
        "first", description="a word's state in the pretrained encoder: of its first sub-word, or the mean of all"
    )

    @property
    def is_finetuned(self) -> bool:
        """Whether the encoder is a pretrained one that is fine-tuned."""
        return bool(self.encoder) and self.finetune

    @property
    def is_frozen(self) -> bool:
        """Whether the states of a pretrained encoder, which is not trained, take the place of the word vectors."""
        return bool(self.encoder) and not self.finetune


class TrainingSettings(Settings):
    """How a tagger is trained (protocol section 3).

    ```python
    import tagmates

    short = tagmates.TrainingSettings(max_epochs=5, learning_rate=0.005)
    print(tagmates.RunConfig(tasks=("upos", "chunk"), training=short).training.batch_size)
    ```
    """

    batch_size: int = Field(32, ge=1, le=2**20, description="sentences")
    batch_per_task: bool = Field(
        False, description="batch_size counts the sentences of each task of a batch, not of all its tasks together"
    )
    sampling: Literal["balanced", "proportional", "temperature"] = "balanced"
    temperature: float = Field(1.0, gt=0, description="of sampling: task probability ~ size ** (1 / temperature)")
    bucketed: bool = Field(False, description="put sentences of similar length into a batch")
    loss_weights: dict[str, Annotated[float, Field(ge=0)]] = Field(
        default_factory=dict, description="per task; 1 where absent"
    )
    tag_weights: dict[str, dict[str, Annotated[float, Field(ge=0)]]] = Field(
        default_factory=dict,
        description="per task and tag, for rare tags: the loss of a sentence is multiplied by the mean weight of its "
        "gold tags; 1 where absent",
    )
    optimizer: Literal["adam", "adamw"] = "adam"
    weight_decay: float = Field(0.01, ge=0, lt=1, description="of adamw")
    learning_rate: float = Field(1e-3, gt=0, description="of the first update, or with warmup the highest")
    encoder_learning_rate: float | None = Field(
        None, gt=0, description="of the parameters of a pretrained encoder; by default that of all others"
    )
    warmup: float = Field(
        0.0, ge=0, lt=1, description="of schedule linear: the share of the updates in which the learning rate rises"
    )
    accumulation: int = Field(
        1, ge=1, le=2**20, description="parts in which the gradients of a batch are computed, to save memory"
    )
    schedule: Literal["halving", "constant", "linear"] = Field(
        "halving",
        description="halving: the learning rate halves where the dev score is flat; constant: it stays; "
        "linear: it falls in equal steps, update by update, to 0 after max_updates or max_epochs",
    )
    freeze: Literal["nothing", "encoder"] = Field(
        "nothing", description="encoder: of a base, only the decoders and task embeddings are trained"
    )
    transition_l2: float = Field(0.01, ge=0, description="weight of the squared CRF transitions, starts and ends")
    clip_norm: float = Field(5.0, gt=0, description="of the gradient of the summed loss, over all parameters")
    max_epochs: int = Field(100, ge=1)
    patience: Literal["lenient", "strict"] = Field(
        "lenient",
        description="lenient: an epoch that equals the best dev score counts as a best one; strict: only a higher "
        "score does, and the two patiences count from the first score above 0 on",
    )
    halving_patience: int = Field(2, ge=0, description="flat epochs before the one that halves the learning rate")
    stopping_patience: int = Field(10, ge=1, description="epochs without a best score before training stops")
    epoch_updates: int | None = Field(
        None, ge=1, description="updates of every epoch; a list that is used up is shuffled and used again"
    )
    max_updates: int | None = Field(
        None, ge=1, description="train exactly so many updates: neither stopping_patience nor max_epochs ends it"
    )
    min_epoch_updates: int = Field(
        1,
        ge=1,
        description="an epoch is as many passes over the data as it takes to make so many updates; epoch_updates wins",
    )
    min_learning_rate: float = Field(0.0, ge=0, description="training stops when halving goes below this")
    weights: Literal["last", "best", "best_per_task"] = Field(
        "last",
        description="which epoch's weights are tested and kept; best_per_task: for every task those of the epoch in "
        "which its own dev F1 is best",
    )
    select: str = Field(
        "", description="the task whose dev F1 decides which epoch is best and when to stop; empty: the mean of all"
    )
    unknown_rate: float = Field(
        0.0, ge=0, le=1, description="how often a word seen once in training is read as unknown; 0: no unknown vector"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.warmup and self.schedule != "linear":
            raise ValueError(f"warmup belongs to schedule 'linear', not {self.schedule!r}; set one of them")
        if self.batch_per_task and self.sampling != "balanced":
            raise ValueError(
                f"batch_per_task fixes how many sentences of each task a batch has, but sampling {self.sampling!r} "
                "draws that number; choose sampling 'balanced', or leave batch_per_task out"
            )
        return self


class RunConfig(Settings):
    """Everything that decides the numbers of one run, except the data.

    ```python
    import tagmates

    config = tagmates.RunConfig(tasks=("upos", "chunk"), sharing="te_dec", seed=2)
    print(config.model_dump_json(indent=2))
    ```
    """

    tasks: tuple[str, ...] = Field(min_length=1, description="the tasks that are trained")
    base: str = Field(
        "", description="a trained tagger from which the run goes on: a folder, en, or hf://user/name; empty: none"
    )
    kept: tuple[str, ...] = Field((), description="tasks of the base that are not trained again")
    sharing: Sharing = "multi_dec"
    seed: int = Field(1, ge=0)
    vectors: str = Field("glove", description="glove, random, or a GloVe text file")
    model: ModelSettings = ModelSettings()
    training: TrainingSettings = TrainingSettings()

    @property
    def all_tasks(self) -> tuple[str, ...]:
        """The tasks of the tagger: those that it keeps, and those that are trained."""
        return (*self.kept, *self.tasks)

    @model_validator(mode="after")
    def _check_base(self) -> Self:
        if not self.base and (self.kept or self.training.freeze != "nothing"):
            raise ValueError("training.freeze and kept need a base (--from), the tagger from which the run goes on")
        if self.training.freeze == "encoder" and self.sharing == "te_enc":
            raise ValueError(
                "training.freeze 'encoder': in sharing te_enc the encoder reads the task; choose 'nothing'"
            )
        return self

    @model_validator(mode="after")
    def _check(self) -> Self:
        twice = sorted({task for task in self.all_tasks if self.all_tasks.count(task) > 1})
        if twice:
            raise ValueError(f"task {twice[0]!r} is named twice; name each task once")
        if self.sharing == "stl" and len(self.all_tasks) > 1:
            raise ValueError("sharing 'stl' trains one task; choose one, or multi_dec, te_dec or te_enc")
        if self.training.batch_size < len(self.tasks) and not self.training.batch_per_task:
            raise ValueError(
                f"training.batch_size {self.training.batch_size} is smaller than the number of tasks, "
                f"{len(self.tasks)}; a batch needs a sentence of each"
            )
        training = self.training
        selected = (training.select,) if training.select else ()
        for key, named in (
            ("select", selected),
            ("tag_weights", training.tag_weights),
            ("loss_weights", training.loss_weights),
        ):
            for task in named:
                if task not in self.tasks:
                    raise ValueError(
                        f"training.{key} names {task!r}{suggestion(task, self.tasks)}, no task of this run"
                    )
        return self


PRESETS: dict[str, dict[str, Any]] = {
    "paper": {},
    "practical": {
        "training": {
            "weights": "best",
            "bucketed": True,
            "unknown_rate": 0.5,
            "min_epoch_updates": 30,
            "min_learning_rate": 1e-5,
            "patience": "strict",
        }
    },
    "pretrained": {
        "training": {
            "weights": "best",
            "bucketed": True,
            "unknown_rate": 0.5,
            "min_epoch_updates": 30,
            "patience": "strict",
            "optimizer": "adamw",
            "encoder_learning_rate": 1e-4,
            "schedule": "linear",
            "warmup": 0.1,
            "max_epochs": 5,
        }
    },
}


def preset_of(training: TrainingSettings) -> tuple[str, list[str]]:
    """The preset that is closest to these settings, and the settings that differ from it, as ``key = value``.

    Only settings that some preset sets are compared.
    """
    named = dict.fromkeys(key for preset in PRESETS.values() for key in preset.get("training", {}))
    keys = [key for key in named if key != "max_epochs"]  # which is changed for many reasons
    presets = {name: TrainingSettings(**preset.get("training", {})) for name, preset in PRESETS.items()}
    differing = {
        name: [key for key in keys if getattr(training, key) != getattr(preset, key)]
        for name, preset in presets.items()
    }
    name = min(differing, key=lambda name: len(differing[name]))
    return name, [f"{key} = {json.dumps(getattr(training, key))}" for key in differing[name]]


def is_encoder_name(text: str) -> bool:
    """Whether this is the name of an encoder by its content (``encoder of sha256 ...``) and not a place of it."""
    return text.startswith(ENCODER_PREFIX)


def is_vectors_name(text: str) -> bool:
    """Whether this is the name of vectors (``glove``, ``random``, or ``of sha256 ...`` for a file's) and not a path."""
    return text in VECTOR_SOURCES or text.startswith(SHA256_PREFIX)
