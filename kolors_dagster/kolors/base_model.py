"""What a base model is: which files, whole or not, and the version their contents give it."""

import json
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from tqdm import tqdm

from kolors_dagster.errors import UserError
from kolors_dagster.files import write_json
from kolors_dagster.hashing import hash_json
from kolors_dagster.kolors.layout import find_layout, read_json
from kolors_dagster.paths import data_root
from kolors_dagster.specs import FilledRecipe, TrainingRecipe

DEFAULT_STEPS = 50  # Kolors' own; a model may say otherwise in model_index.json
DEFAULT_STEPS_KEY = "_default_steps"
EARLY_GUIDANCE_KEY = "_early_guidance_scale"
# How a LoRA of Kolors is trained, as in the course notebook; likewise.
DEFAULT_TRAINING: dict[str, Any] = {
    "learning_rate": 1e-4,
    "alpha": 4.0,
    "snr_gamma": 0.0,
    "noise_offset": 0.0,
    "prior_preservation": 0.0,
    "steps": 500,
    "batch_size": 1,
    "warmup_steps": 0,
    "decay": "constant",
    "target_modules": ["to_q", "to_k", "to_v", "to_out.0"],
}
DEFAULT_TRAINING_KEY = "_default_training"
_PIXELS_PER_LATENT = 8
_BLOCK = 2**23


@dataclass(frozen=True)
class BaseModel:
    """One verified base model.

    `files` and `sizes` go by paths relative to `folder`: sha256 and bytes. `version` is a hash of `files`;
    `default_size` is the side in pixels it draws best, `default_steps` how many steps it takes. A LoRA is
    trained by `default_training` where its recipe says nothing. `early_guidance_scale` is the most guidance
    that its first steps bear; None: as much as the others.
    """

    name: str
    folder: Path
    files: dict[str, str]
    sizes: dict[str, int]
    version: str
    default_size: int
    default_steps: int
    default_training: dict[str, Any] = field(default_factory=DEFAULT_TRAINING.copy)
    early_guidance_scale: float | None = None

    def fill_recipe(self, recipe: TrainingRecipe) -> FilledRecipe:
        """Return the recipe with this model's own numbers where it has none."""
        own = self.default_training | {"resolution": self.default_size}
        return FilledRecipe.model_validate(own | recipe.model_dump(exclude_none=True))

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON; a folder below the data root is named relative to it."""
        root, folder = data_root(), self.folder
        if folder.is_relative_to(root):
            folder = folder.relative_to(root)
        return asdict(self) | {"folder": folder.as_posix()}

    @classmethod
    def from_json(cls, value: dict[str, Any], root: Path | None = None) -> "BaseModel":
        """Read what `to_json` wrote; `root` is the data root when it is not the usual one."""
        return cls(**value | {"folder": (root or data_root()) / value["folder"]})


def describe_base_model(name: str, folder: Path) -> BaseModel:
    """Verify that the model in `folder` is complete and whole, hash it, and describe it.

    Raises UserError that lists every missing or truncated file. Hashes are remembered under the data root
    by size and modification time, so that 17 GB are read once only.
    """
    folder = folder.expanduser().resolve()
    layout = find_layout(folder)
    files = layout.files()
    damaged = [f"{path.relative_to(folder)}: {problem}" for path in files for problem in _find_damage(path)]
    if damaged:
        raise UserError(
            f"{folder}: damaged files: {'; '.join(damaged)}",
            "delete the files named and run the command again to download them, or copy them anew",
        )
    unet = read_json(layout.unet.config)
    if "encoder_hid_dim" not in unet:
        raise UserError(
            f"{layout.unet.config}: not a Kolors UNet (it has no encoder_hid_dim)",
            "use Kwai-Kolors/Kolors, Kwai-Kolors/Kolors-diffusers or a model trained from them",
        )
    index = read_json(layout.model_index) if layout.model_index else {}
    hashes = {path.relative_to(folder).as_posix(): digest for path, digest in _hash_files(files)}
    return BaseModel(
        name=name,
        folder=folder,
        files=hashes,
        sizes={path.relative_to(folder).as_posix(): path.stat().st_size for path in files},
        version=hash_json(hashes),
        default_size=int(unet.get("sample_size", 128)) * _PIXELS_PER_LATENT,
        default_steps=int(index.get(DEFAULT_STEPS_KEY, DEFAULT_STEPS)),
        default_training=DEFAULT_TRAINING | index.get(DEFAULT_TRAINING_KEY, {}),
        early_guidance_scale=index.get(EARLY_GUIDANCE_KEY),
    )


def _find_damage(path: Path) -> Iterator[str]:
    if path.suffix == ".safetensors":
        expected, size = _safetensors_size(path), path.stat().st_size
        if expected is None:
            yield "its header is damaged"
        elif expected != size:
            yield f"has {size:,} bytes where its header promises {expected:,}"
    elif path.suffix == ".bin" and not zipfile.is_zipfile(path):
        yield "truncated, or not a PyTorch file"
    elif path.suffix == ".json":
        read_json(path)
    elif path.stat().st_size == 0:
        yield "empty"


def _safetensors_size(path: Path) -> int | None:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > path.stat().st_size:
            return None
        try:
            header = json.loads(file.read(length))
            ends = [entry["data_offsets"][1] for key, entry in header.items() if key != "__metadata__"]
        except (ValueError, TypeError, KeyError, AttributeError, IndexError):
            return None
    return 8 + length + max(ends, default=0)


def _hash_files(files: list[Path]) -> Iterator[tuple[Path, str]]:
    memory = data_root() / "models" / ".hashes.json"
    remembered = read_json(memory) if memory.is_file() else {}
    stamps = {path: [path.stat().st_size, path.stat().st_mtime_ns] for path in files}
    new = {path for path in files if remembered.get(str(path), {}).get("stamp") != stamps[path]}
    with tqdm(
        total=sum(stamps[path][0] for path in new),
        desc="verify model",
        unit="B",
        unit_scale=True,
        disable=not new,
    ) as bar:
        for path in files:
            if path in new:
                remembered[str(path)] = {"stamp": stamps[path], "sha256": _hash_file(path, bar)}
            yield path, remembered[str(path)]["sha256"]
    if new:
        write_json(memory, remembered)


def _hash_file(path: Path, bar: "tqdm[Any]") -> str:
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            bar.update(len(block))
    return digest.hexdigest()
