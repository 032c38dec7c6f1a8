import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from kolors_dagster.errors import UserError
from kolors_dagster.kolors import bundle as bundle_module
from kolors_dagster.kolors import sampling
from kolors_dagster.kolors.base_model import BaseModel, describe_base_model
from kolors_dagster.kolors.bundle import KolorsBundle
from kolors_dagster.kolors.diffsynth import StableDiffusionVAE
from kolors_dagster.kolors.diffsynth_streaming import AutoWrappedLinear
from kolors_dagster.kolors.fp8_layers import fp8_layers
from kolors_dagster.kolors.request import DrawRequest, FailedPanel
from kolors_dagster.kolors.text import TextEmbeddings, TextEncoder
from kolors_dagster.kolors.unet import KolorsUNet
from kolors_dagster.kolors.vae import VAE

REQUEST = DrawRequest(1, "女孩在海边", "text", 1, 64, 64, 2, 4.0, 1.0)


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KOLORS_DATA", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def model(mini_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KOLORS_DATA", str(tmp_path_factory.mktemp("data")))
        return describe_base_model("kolors-mini", mini_folder)


def make_requests(count: int) -> list[DrawRequest]:
    return [replace(REQUEST, number=n, prompt=f"女孩，第{n}幅", seed=n) for n in range(1, count + 1)]


def draw(
    bundle: KolorsBundle, requests: list[DrawRequest], lora: Path | None = None
) -> dict[int, np.ndarray]:
    return {drawn.number: np.asarray(drawn.image) for drawn in bundle.draw(requests, lora)}


def test_draws_what_was_asked_and_counts_what_it_took(model: BaseModel) -> None:
    bundle = KolorsBundle(model, "cpu", batch_size=2)
    requests = [*make_requests(3), replace(REQUEST, number=4, width=96, height=72)]
    drawn = {panel.number: panel for panel in bundle.draw(requests)}
    assert {number: panel.image.size for number, panel in drawn.items()} == {
        1: (64, 64),
        2: (64, 64),
        3: (64, 64),
        4: (96, 72),
    }
    assert all(panel.image.mode == "RGB" and np.asarray(panel.image).std() > 10 for panel in drawn.values())
    assert all(panel.seconds > 0 and panel.peak_memory_mib > 10 for panel in drawn.values())
    assert {number: panel.batch_size for number, panel in drawn.items()} == {1: 2, 2: 2, 3: 1, 4: 1}
    assert drawn[1].milliseconds_per_step == drawn[2].milliseconds_per_step  # of one batch
    for panel in drawn.values():
        sampling = REQUEST.steps * panel.milliseconds_per_step / 1000 / panel.batch_size
        assert sampling < 1 / panel.images_per_second <= panel.seconds + 1e-3
    # Four prompts and one negative one; three batches of two steps.
    assert bundle.calls == {"text_encoder": 5, "unet": 6, "vae": 4, "loads": 3}


def test_texts_are_encoded_once_in_its_life(model: BaseModel) -> None:
    bundle = KolorsBundle(model, "cpu")
    draw(bundle, make_requests(2))
    before = dict(bundle.calls)
    draw(bundle, [replace(request, seed=9) for request in make_requests(2)])
    assert bundle.calls["text_encoder"] == before["text_encoder"] == 3
    assert bundle.calls["loads"] == before["loads"] == 3


def test_a_text_encoded_by_another_process_takes_no_encoder(model: BaseModel) -> None:
    first = draw(KolorsBundle(model, "cpu"), make_requests(2))
    bundle = KolorsBundle(model, "cpu")
    again = draw(bundle, make_requests(2))
    assert bundle.calls["text_encoder"] == 0 and bundle.calls["loads"] == 2
    assert all(np.array_equal(first[number], again[number]) for number in first)


def test_drawing_known_texts_imports_little_beside_torch(model: BaseModel, lora_file: Path) -> None:
    # Each of these is hundreds of files, which a new process on a slow disk would wait seconds for.
    slow = {"accelerate", "diffusers", "huggingface_hub", "lightning", "modelscope", "pandas", "peft"}
    slow |= {"scipy", "sentencepiece", "sympy", "torch._dynamo", "torch._inductor", "torchao", "torchvision"}
    slow |= {"dagster", "diffsynth", "einops", "matplotlib", "requests", "rich", "tokenizers", "transformers"}
    draw(KolorsBundle(model, "cpu"), [REQUEST])
    code = f"""
import sys
from pathlib import Path
from kolors_dagster.kolors.base_model import describe_base_model
from kolors_dagster.kolors.bundle import KolorsBundle
from kolors_dagster.kolors.request import DrawnPanel, DrawRequest
bundle = KolorsBundle(describe_base_model("kolors-mini", Path({str(model.folder)!r})), "cpu")
panel = next(bundle.draw([{REQUEST!r}], Path({str(lora_file)!r})))
assert isinstance(panel, DrawnPanel) and not bundle.calls["text_encoder"], bundle.calls
print(sorted({slow!r} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    assert done.stdout.strip() == "[]"


def test_the_text_encoder_is_never_in_memory_beside_the_unet(
    model: BaseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = KolorsBundle(model, "cpu", memory_plan="resident")
    draw(bundle, make_requests(1))
    beside: list[set[str]] = []
    encode = TextEncoder.encode

    def look_around(encoder: TextEncoder, texts: list[str]) -> TextEmbeddings:
        beside.append(set(bundle._parts))
        return encode(encoder, texts)

    monkeypatch.setattr(TextEncoder, "encode", look_around)
    draw(bundle, [replace(REQUEST, prompt="另一句话")])
    assert len(beside) == 1 and "unet" not in beside[0]
    assert set(bundle._parts) == {"unet", "vae"}


def test_out_of_memory_goes_on_with_half_as_many(
    model: BaseModel, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    expected = draw(KolorsBundle(model, "cpu", batch_size=2), make_requests(5))
    forward = KolorsUNet.forward

    def with_little_memory(unet: KolorsUNet, latents: Tensor, *arguments: Any) -> Tensor:
        if len(latents) > 4:  # guidance makes two rows of a picture
            raise torch.OutOfMemoryError
        return forward(unet, latents, *arguments)

    monkeypatch.setattr(KolorsUNet, "forward", with_little_memory)
    drawn = draw(KolorsBundle(model, "cpu", batch_size=5), make_requests(5))
    assert all(np.array_equal(drawn[number], expected[number]) for number in expected)
    assert "with 5 pictures at a time; going on with 2" in caplog.text


def test_out_of_memory_with_one_picture_says_what_helps(
    model: BaseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_memory(*arguments: Any) -> Tensor:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(KolorsUNet, "forward", without_memory)
    with pytest.raises(UserError, match="not enough memory for one picture"):
        draw(KolorsBundle(model, "cpu"), make_requests(3))


def test_out_of_memory_with_one_picture_streams_the_unet(
    model: BaseModel, lora_file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    expected = draw(KolorsBundle(model, "cpu", batch_size=1), make_requests(2), lora_file)
    forward = KolorsUNet.forward

    def with_little_memory(unet: KolorsUNet, *arguments: Any) -> Tensor:
        if not any(isinstance(part, AutoWrappedLinear) for part in unet.modules()):
            raise torch.OutOfMemoryError
        return forward(unet, *arguments)

    monkeypatch.setattr(KolorsUNet, "forward", with_little_memory)
    drawn = draw(KolorsBundle(model, "cpu", batch_size=2), make_requests(2), lora_file)
    assert all(np.array_equal(drawn[number], expected[number]) for number in expected)
    assert caplog.text.count("out of memory") == 2  # two at a time, and then one


def test_out_of_memory_in_the_vae_loses_no_panel(
    model: BaseModel, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    expected = draw(KolorsBundle(model, "cpu"), make_requests(3))
    decode, tries = StableDiffusionVAE.decode, []

    def with_little_memory(vae: StableDiffusionVAE, latents: Tensor) -> Tensor:
        tries.append(latents)
        if len(tries) == 2:
            raise torch.OutOfMemoryError
        return decode(vae, latents)

    monkeypatch.setattr(StableDiffusionVAE, "decode", with_little_memory)
    drawn = draw(KolorsBundle(model, "cpu"), make_requests(3))
    assert len(tries) == 4 and all(np.array_equal(drawn[number], expected[number]) for number in expected)
    assert "it goes on on the CPU" in caplog.text


def test_the_plan_follows_from_what_is_free_and_draws_the_same(
    model: BaseModel, lora_file: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = draw(KolorsBundle(model, "cpu", batch_size=1), make_requests(2), lora_file)
    monkeypatch.setattr(bundle_module, "free_memory", lambda device: 10_000_000)
    monkeypatch.setenv("KOLORS_DATA", str(data / "other"))  # where no embeddings are
    small = KolorsBundle(model, "cpu")
    assert small.plan.describe().startswith(
        "sequential, 1 at a time, text encoder streamed, UNet streamed, VAE on the CPU"
    )
    drawn = draw(small, make_requests(2), lora_file)
    assert small.calls["text_encoder"] == 3
    assert all(np.array_equal(drawn[number], expected[number]) for number in expected)


def test_both_memory_plans_draw_the_same_bytes(model: BaseModel, lora_file: Path) -> None:
    requests = [*make_requests(3), replace(REQUEST, number=4, lora_weight=0.5)]
    resident = KolorsBundle(model, "cpu", batch_size=2, memory_plan="resident")
    sequential = KolorsBundle(model, "cpu", batch_size=2, memory_plan="sequential")
    one, other = draw(resident, requests, lora_file), draw(sequential, requests, lora_file)
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[number], other[number]) for number in one)
    assert set(resident._parts) == {"unet", "vae"} and not sequential._parts


def test_a_panel_is_the_same_alone_and_among_eight(model: BaseModel) -> None:
    bundle, requests = KolorsBundle(model, "cpu"), make_requests(8)
    together = draw(bundle, requests)
    alone = draw(bundle, requests[4:5])
    assert np.abs(alone[5].astype(int) - together[5]).max() <= 2
    assert np.abs(together[4].astype(int) - together[5]).max() > 50


def test_the_lora_acts_by_its_weight_and_is_gone_after(model: BaseModel, lora_file: Path) -> None:
    bundle = KolorsBundle(model, "cpu")
    bare = draw(bundle, [REQUEST])[1]
    weights = {
        n: replace(REQUEST, number=n, lora_weight=weight) for n, weight in ((1, 0.0), (2, 0.5), (3, 1.0))
    }
    drawn = draw(bundle, list(weights.values()), lora_file)
    assert np.array_equal(drawn[1], bare)
    assert len({picture.tobytes() for picture in drawn.values()}) == 3
    assert np.array_equal(draw(bundle, [REQUEST])[1], bare)


@pytest.fixture
def fp8_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU multiplies in 8 bits too, only slowly."""
    monkeypatch.setattr(bundle_module, "choose_dtype", lambda device, dtype: torch.float8_e4m3fn)
    monkeypatch.setattr(bundle_module, "fp8_layers", partial(fp8_layers, least_outputs=1024))


@pytest.mark.usefixtures("fp8_everywhere")
def test_fp8_draws_nearly_what_bf16_does_and_loses_no_weight(model: BaseModel, lora_file: Path) -> None:
    bundle = KolorsBundle(model, "cpu", "fp8")
    assert bundle.dtype == torch.bfloat16
    drawn, with_lora, again = (draw(bundle, make_requests(2), lora) for lora in (None, lora_file, None))
    bundle.fp8 = False
    expected = draw(bundle, make_requests(2))
    for number in expected:
        assert np.array_equal(drawn[number], again[number])
        assert not np.array_equal(drawn[number], with_lora[number])
        difference = np.abs(drawn[number].astype(float) - expected[number])
        assert 0 < difference.mean() < 4


@pytest.mark.usefixtures("fp8_everywhere")
def test_fp8_is_refused_where_the_unet_does_not_fit_whole(
    model: BaseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_memory(*arguments: Any) -> Tensor:
        raise torch.OutOfMemoryError

    with monkeypatch.context() as patch, pytest.raises(UserError, match="write dtype: bf16"):
        patch.setattr(KolorsUNet, "forward", without_memory)
        draw(KolorsBundle(model, "cpu", "fp8"), make_requests(2))
    monkeypatch.setattr(bundle_module, "free_memory", lambda device: 10_000_000)
    with pytest.raises(UserError, match="write dtype: bf16"):
        KolorsBundle(model, "cpu", "fp8")


def test_a_text_that_is_cut_is_told(model: BaseModel, caplog: pytest.LogCaptureFixture) -> None:
    draw(KolorsBundle(model, "cpu"), [replace(REQUEST, prompt="很长的故事，" * 100, steps=1)])
    assert "256 tokens" in caplog.text


def test_wrong_settings_are_named(model: BaseModel) -> None:
    for settings in ({"device": "gpu"}, {"dtype": "fp8"}, {"memory_plan": "none"}):
        with pytest.raises(UserError, match=next(iter(settings.values()))):
            KolorsBundle(model, **{"device": "cpu", **settings})


@pytest.mark.parametrize("plan", ["resident", "sequential"])
def test_a_panel_of_nan_fails_alone(model: BaseModel, plan: str, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = make_requests(3)
    healthy = draw(KolorsBundle(model, "cpu"), requests)
    whole = sampling.make_noise

    def break_the_second(seeds: list[int], width: int, height: int) -> torch.Tensor:
        noise = whole(seeds, width, height)
        noise[1] = float("nan")
        return noise

    monkeypatch.setattr(sampling, "make_noise", break_the_second)
    first, second, third = KolorsBundle(model, "cpu", memory_plan=plan).draw(requests)
    assert isinstance(second, FailedPanel) and second.number == 2 and "not finite" in second.problem
    for panel in (first, third):
        assert not isinstance(panel, FailedPanel)
        assert np.array_equal(np.asarray(panel.image), healthy[panel.number])


def test_a_batch_that_raises_is_drawn_one_by_one_and_only_the_bad_one_is_lost(
    model: BaseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = make_requests(3)
    healthy = draw(KolorsBundle(model, "cpu"), requests)
    whole = sampling.make_noise

    def refuse_the_second(seeds: list[int], width: int, height: int) -> torch.Tensor:
        if requests[1].seed in seeds:
            raise RuntimeError("not this one\nand a long explanation")
        return whole(seeds, width, height)

    monkeypatch.setattr(sampling, "make_noise", refuse_the_second)
    first, second, third = KolorsBundle(model, "cpu").draw(requests)
    assert second == FailedPanel(2, "RuntimeError: not this one")
    for panel in (first, third):
        assert not isinstance(panel, FailedPanel)
        assert np.abs(np.asarray(panel.image).astype(int) - healthy[panel.number]).max() <= 2


def test_a_decoder_that_overflows_is_no_black_picture(vae: VAE) -> None:
    with pytest.raises(FloatingPointError, match="not finite"):
        vae.decode(torch.full((1, 4, 8, 8), 1e38))
