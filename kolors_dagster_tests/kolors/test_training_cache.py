import gc
import json
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_file

from kolors_dagster.errors import UserError
from kolors_dagster.kolors import cached_samples, training_cache
from kolors_dagster.kolors.base_model import BaseModel
from kolors_dagster.kolors.buckets import Size
from kolors_dagster.kolors.cache_shards import Encode
from kolors_dagster.kolors.cached_samples import CachedSamples
from kolors_dagster.kolors.loading import load_text_encoder
from kolors_dagster.kolors.memory_plan import MemoryPlan, PartSizes, choose_memory_plan
from kolors_dagster.kolors.prior_preservation import UNPROMPTED
from kolors_dagster.kolors.text_padding import fold_padding
from kolors_dagster.kolors.training_cache import build_training_cache
from kolors_dagster.kolors.training_images import TrainingImage, read_cropped, read_training_images
from kolors_dagster.specs import TrainingRecipe
from kolors_dagster_tests.kolors.training_parts import (
    BUCKETS,
    CAPTIONS,
    CPU,
    IN_BUCKETS,
    RECIPE,
    read_folder,
    write_dataset,
)


@pytest.mark.parametrize("crop", ["center", "buckets"])
def test_holds_the_latents_diffusers_makes(
    cache: Path, bucket_cache: Path, base_model: BaseModel, dataset: Path, crop: str
) -> None:
    vae = AutoencoderKL.from_pretrained(base_model.folder / "vae", torch_dtype=torch.float32)
    samples = CachedSamples(bucket_cache if crop == "buckets" else cache)
    assert len(samples) == 5
    assert samples.sizes == (IN_BUCKETS if crop == "buckets" else [(64, 64)] * 5)
    for number, size in enumerate(samples.sizes):
        pixels = read_cropped(dataset / "train" / f"{number}.jpg", *size)[None]
        with torch.no_grad():
            posterior = vae.encode(pixels).latent_dist
        scale = vae.config.scaling_factor
        torch.testing.assert_close(samples[number].mean, posterior.mean[0] * scale, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(samples[number].std, posterior.std[0] * scale, rtol=1e-4, atol=1e-6)


def test_holds_each_distinct_caption_once(cache: Path, base_model: BaseModel) -> None:
    encoder = load_text_encoder(base_model.folder, CPU, torch.float32)
    samples = CachedSamples(cache)
    for number, caption in enumerate(CAPTIONS):
        expected = encoder.encode([caption])
        assert torch.equal(samples[number].hidden_states, fold_padding(expected.hidden_states)[0])
        assert torch.equal(samples[number].pooled, expected.pooled[0])
    for text in UNPROMPTED:
        assert torch.equal(samples.read_text(text)[1], encoder.encode([text]).pooled[0])
    stored = samples._open_files["text-00000.safetensors"].get_slice("pooled")[:]
    assert len(stored) == 3 + len(UNPROMPTED)


def test_a_shard_holds_images_of_one_size(bucket_cache: Path) -> None:
    index = json.loads((bucket_cache / "index.json").read_text())
    shards: dict[str, list[tuple[int, list[int]]]] = {}
    for image in index["images"]:
        shards.setdefault(image["shard"], []).append((image["row"], image["size"]))
    assert set(shards) == {path.name for path in bucket_cache.glob("latents-*")}
    for name, images in shards.items():
        tensors = load_file(bucket_cache / name)
        sizes = {(8 * tensor.shape[3], 8 * tensor.shape[2]) for tensor in tensors.values()}
        assert {tuple(size) for _, size in images} == sizes
        assert sorted(row for row, _ in images) == list(range(len(tensors["mean"])))


def load_image_encoder(base_model: BaseModel, images: list[TrainingImage], size: Size) -> Encode:
    plan = choose_memory_plan(10**12, PartSizes.of(base_model.sizes, 4), 64)
    return training_cache._load_image_encoder(base_model.folder, images, [size] * len(images), CPU, plan)


def test_images_encoded_together_come_out_as_alone(base_model: BaseModel, dataset: Path) -> None:
    images = read_training_images(dataset)
    encode = load_image_encoder(base_model, images, (96, 64))
    together = encode(range(5))
    assert together["mean"].shape == (5, 4, 8, 12)
    for number in range(5):
        for name, tensor in encode([number]).items():
            torch.testing.assert_close(together[name][number], tensor[0], rtol=1e-4, atol=1e-5)


def test_an_image_without_finite_latents_is_named(
    base_model: BaseModel, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_broken(path: Path, width: int, height: int) -> torch.Tensor:
        return read_cropped(path, width, height) * (float("nan") if path.name == "3.jpg" else 1.0)

    monkeypatch.setattr(training_cache, "read_cropped", read_broken)
    images = read_training_images(dataset)
    encode = load_image_encoder(base_model, images, (64, 64))
    encode([0, 1])
    with pytest.raises(UserError, match=r"3\.jpg: the VAE makes no finite latents"):
        encode([2, 3, 4])


def test_reports_what_it_did(tmp_path: Path, base_model: BaseModel, dataset: Path) -> None:
    report = build_training_cache(dataset, base_model, RECIPE, tmp_path / "cache", CPU)
    assert (report.images, report.captions, report.resolution) == (5, 3, 64)
    assert (report.sizes, report.enlarged) == ({(64, 64): 5}, ("4.jpg",))
    assert report.size_bytes == sum(len(data) for data in read_folder(tmp_path / "cache").values())
    assert report.peak_memory_bytes > 2**27
    assert report.images_per_second is not None
    assert 0 < report.images / report.images_per_second < report.seconds
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]
    report = build_training_cache(dataset, base_model, BUCKETS, tmp_path / "cache", CPU)
    assert report.sizes == {(64, 64): 1, (64, 96): 2, (96, 64): 2}
    assert report.enlarged == ("4.jpg",)


def test_encoders_are_never_in_memory_together(
    tmp_path: Path, base_model: BaseModel, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[weakref.ref[Any]] = []

    def watch(load: Any) -> Any:
        def watched(*arguments: Any, **settings: Any) -> Any:
            gc.collect()
            assert all(reference() is None for reference in loaded), "the other encoder is still there"
            part = load(*arguments, **settings)
            loaded.append(weakref.ref(part.model))
            return part

        return watched

    monkeypatch.setattr(training_cache, "load_vae", watch(training_cache.load_vae))
    monkeypatch.setattr(training_cache, "load_text_encoder", watch(training_cache.load_text_encoder))
    build_training_cache(dataset, base_model, RECIPE, tmp_path / "cache", CPU)
    assert len(loaded) == 2
    assert all(reference() is None for reference in loaded)


@pytest.mark.parametrize(("recipe", "left"), [(RECIPE, [2, 3, 4]), (BUCKETS, [1, 3, 2])])
def test_a_killed_run_goes_on_where_it_was(
    tmp_path: Path,
    base_model: BaseModel,
    dataset: Path,
    monkeypatch: pytest.MonkeyPatch,
    recipe: TrainingRecipe,
    left: list[int],
) -> None:
    monkeypatch.setattr(training_cache, "SHARD_ROWS", 2)
    monkeypatch.setattr(cached_samples, "SHARD_ROWS", 2)
    whole = build_training_cache(dataset, base_model, recipe, tmp_path / "whole", CPU)
    read: list[str] = []

    def read_or_stop(path: Path, width: int, height: int) -> torch.Tensor:
        if len(read) == 3:
            raise KeyboardInterrupt
        read.append(path.name)
        return read_cropped(path, width, height)

    monkeypatch.setattr(training_cache, "read_cropped", read_or_stop)
    with pytest.raises(KeyboardInterrupt):
        build_training_cache(dataset, base_model, recipe, tmp_path / "resumed", CPU)
    assert not (tmp_path / "resumed").exists()
    read.clear()
    resumed = build_training_cache(dataset, base_model, recipe, tmp_path / "resumed", CPU)
    assert read == [f"{number}.jpg" for number in left]
    assert (whole.reused_shards, resumed.reused_shards) == (0, 1)
    assert resumed.images_per_second is not None
    assert read_folder(tmp_path / "resumed") == read_folder(tmp_path / "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["resumed", "whole"]
    samples = CachedSamples(tmp_path / "resumed")
    assert [samples[number].mean.shape for number in range(5)] == [
        (4, height // 8, width // 8) for width, height in samples.sizes
    ]


def test_version_follows_what_is_in_the_cache(
    tmp_path: Path, base_model: BaseModel, dataset: Path, cache: Path
) -> None:
    def build(folder: Path, **changes: Any) -> str:
        recipe = TrainingRecipe(**(RECIPE.model_dump() | changes))
        return build_training_cache(folder, base_model, recipe, tmp_path / "cache", CPU).data_version

    same = CachedSamples(cache).data_version
    assert build(dataset, seed=7, learning_rate=0.01, steps=9, precision="fp32") == same
    other = write_dataset(tmp_path / "other", [*CAPTIONS[:4], "水彩"])
    assert len({same, build(dataset, resolution=72), build(dataset, precision="bf16"), build(other)}) == 4
    assert build(dataset, crop="center") == same != build(dataset, crop="buckets")


def test_an_error_leaves_the_cache_before_it(tmp_path: Path, base_model: BaseModel) -> None:
    dataset = write_dataset(tmp_path / "dataset")
    build_training_cache(dataset, base_model, RECIPE, tmp_path / "cache", CPU)
    before = read_folder(tmp_path / "cache")
    broken = dataset / "train" / "1.jpg"
    broken.write_bytes(broken.read_bytes()[:400])
    with pytest.raises(UserError, match=r"1\.jpg: cannot be read"):
        build_training_cache(dataset, base_model, RECIPE, tmp_path / "cache", CPU)
    assert read_folder(tmp_path / "cache") == before


def test_a_damaged_cache_is_named(tmp_path: Path, base_model: BaseModel, dataset: Path) -> None:
    folder = tmp_path / "cache"
    build_training_cache(dataset, base_model, RECIPE, folder, CPU)
    (folder / "text-00000.safetensors").write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"text-00000\.safetensors: cannot be read"):
        CachedSamples(folder)[0]
    (folder / "index.json").write_text("{}")
    with pytest.raises(UserError, match="another version"):
        CachedSamples(folder)
    (folder / "index.json").unlink()
    with pytest.raises(UserError, match=r"index\.json: cannot be read"):
        CachedSamples(folder)


def test_a_finished_cache_is_left_alone_unless_it_is_damaged(
    tmp_path: Path, base_model: BaseModel, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "cache"
    first = build_training_cache(dataset, base_model, RECIPE, folder, CPU)
    whole = read_folder(folder)
    loads: list[str] = []
    for name in ("load_vae", "load_text_encoder"):
        load = getattr(training_cache, name)
        monkeypatch.setattr(
            training_cache, name, lambda *a, load=load, name=name, **k: (loads.append(name), load(*a, **k))[1]
        )
    other = RECIPE.model_copy(update={"learning_rate": 5e-4, "steps": 9})
    again = build_training_cache(dataset, base_model, other, folder, CPU)
    assert loads == [] and again.data_version == first.data_version and again.reused_shards == 2
    assert again.images_per_second is None
    shard = folder / "latents-00000.safetensors"
    shard.write_bytes(shard.read_bytes()[:-1] + b"\0")
    build_training_cache(dataset, base_model, RECIPE, folder, CPU)
    assert loads and read_folder(folder) == whole


def test_little_free_memory_makes_the_same_cache(
    tmp_path: Path, cache: Path, base_model: BaseModel, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans: list[MemoryPlan] = []

    def look_on(*arguments: Any, **settings: Any) -> MemoryPlan:
        plans.append(choose_memory_plan(*arguments, **settings))
        return plans[-1]

    monkeypatch.setattr(training_cache, "choose_memory_plan", look_on)
    monkeypatch.setattr(training_cache, "free_memory", lambda device: 1_000_000)
    build_training_cache(dataset, base_model, RECIPE, tmp_path / "cache", CPU)
    assert plans[0].stream_text_encoder is not None and plans[0].vae_on_cpu
    assert read_folder(tmp_path / "cache") == read_folder(cache)
