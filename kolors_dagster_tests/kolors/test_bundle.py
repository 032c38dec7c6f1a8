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
from kolors_dagster.kolors.base_model import BaseModel
from kolors_dagster.kolors.bundle import KolorsBundle
from kolors_dagster.kolors.fp8_layers import fp8_layers
from kolors_dagster.kolors.request import FailedPanel
from kolors_dagster.kolors.unet import KolorsUNet
from kolors_dagster.kolors.vae import VAE
from kolors_dagster_tests.kolors.drawing import REQUEST, draw, make_requests

pytestmark = pytest.mark.usefixtures("data")


def test_draws_what_was_asked_and_counts_what_it_took(base_model: BaseModel) -> None:
    bundle = KolorsBundle(base_model, "cpu", batch_size=2)
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


def test_texts_are_encoded_once_in_its_life(base_model: BaseModel) -> None:
    bundle = KolorsBundle(base_model, "cpu")
    draw(bundle, make_requests(2))
    before = dict(bundle.calls)
    draw(bundle, [replace(request, seed=9) for request in make_requests(2)])
    assert bundle.calls["text_encoder"] == before["text_encoder"] == 3
    assert bundle.calls["loads"] == before["loads"] == 3


def test_a_text_encoded_by_another_process_takes_no_encoder(base_model: BaseModel) -> None:
    first = draw(KolorsBundle(base_model, "cpu"), make_requests(2))
    bundle = KolorsBundle(base_model, "cpu")
    again = draw(bundle, make_requests(2))
    assert bundle.calls["text_encoder"] == 0 and bundle.calls["loads"] == 2
    assert all(np.array_equal(first[number], again[number]) for number in first)


def test_drawing_known_texts_imports_little_beside_torch(base_model: BaseModel, lora_file: Path) -> None:
    # Each of these is hundreds of files, which a new process on a slow disk would wait seconds for.
    slow = {"accelerate", "diffusers", "huggingface_hub", "lightning", "modelscope", "pandas", "peft"}
    slow |= {"scipy", "sentencepiece", "sympy", "torch._dynamo", "torch._inductor", "torchao", "torchvision"}
    slow |= {"dagster", "diffsynth", "einops", "matplotlib", "requests", "rich", "tokenizers", "transformers"}
    draw(KolorsBundle(base_model, "cpu"), [REQUEST])
    code = f"""
import sys
from pathlib import Path
from kolors_dagster.kolors.base_model import describe_base_model
from kolors_dagster.kolors.bundle import KolorsBundle
from kolors_dagster.kolors.request import DrawnPanel, DrawRequest
bundle = KolorsBundle(describe_base_model("kolors-mini", Path({str(base_model.folder)!r})), "cpu")
panel = next(bundle.draw([{REQUEST!r}], Path({str(lora_file)!r})))
assert isinstance(panel, DrawnPanel) and not bundle.calls["text_encoder"], bundle.calls
print(sorted({slow!r} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    assert done.stdout.strip() == "[]"


def test_a_panel_is_the_same_alone_and_among_eight(base_model: BaseModel) -> None:
    bundle, requests = KolorsBundle(base_model, "cpu"), make_requests(8)
    together = draw(bundle, requests)
    alone = draw(bundle, requests[4:5])
    assert np.abs(alone[5].astype(int) - together[5]).max() <= 2
    assert np.abs(together[4].astype(int) - together[5]).max() > 50


def test_the_lora_acts_by_its_weight_and_is_gone_after(base_model: BaseModel, lora_file: Path) -> None:
    bundle = KolorsBundle(base_model, "cpu")
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
def test_fp8_draws_nearly_what_bf16_does_and_loses_no_weight(base_model: BaseModel, lora_file: Path) -> None:
    bundle = KolorsBundle(base_model, "cpu", "fp8")
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
    base_model: BaseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_memory(*arguments: Any) -> Tensor:
        raise torch.OutOfMemoryError

    with monkeypatch.context() as patch, pytest.raises(UserError, match="write dtype: bf16"):
        patch.setattr(KolorsUNet, "forward", without_memory)
        draw(KolorsBundle(base_model, "cpu", "fp8"), make_requests(2))
    monkeypatch.setattr(bundle_module, "free_memory", lambda device: 10_000_000)
    with pytest.raises(UserError, match="write dtype: bf16"):
        KolorsBundle(base_model, "cpu", "fp8")


def test_a_text_that_is_cut_is_told(base_model: BaseModel, caplog: pytest.LogCaptureFixture) -> None:
    draw(KolorsBundle(base_model, "cpu"), [replace(REQUEST, prompt="很长的故事，" * 100, steps=1)])
    assert "256 tokens" in caplog.text


def test_wrong_settings_are_named(base_model: BaseModel) -> None:
    for settings in ({"device": "gpu"}, {"dtype": "fp8"}, {"memory_plan": "none"}):
        with pytest.raises(UserError, match=next(iter(settings.values()))):
            KolorsBundle(base_model, **{"device": "cpu", **settings})


@pytest.mark.parametrize("plan", ["resident", "sequential"])
def test_a_panel_of_nan_fails_alone(
    base_model: BaseModel, plan: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = make_requests(3)
    healthy = draw(KolorsBundle(base_model, "cpu"), requests)
    whole = sampling.make_noise

    def break_the_second(seeds: list[int], width: int, height: int) -> torch.Tensor:
        noise = whole(seeds, width, height)
        noise[1] = float("nan")
        return noise

    monkeypatch.setattr(sampling, "make_noise", break_the_second)
    first, second, third = KolorsBundle(base_model, "cpu", memory_plan=plan).draw(requests)
    assert isinstance(second, FailedPanel) and second.number == 2 and "not finite" in second.problem
    for panel in (first, third):
        assert not isinstance(panel, FailedPanel)
        assert np.array_equal(np.asarray(panel.image), healthy[panel.number])


def test_a_batch_that_raises_is_drawn_one_by_one_and_only_the_bad_one_is_lost(
    base_model: BaseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = make_requests(3)
    healthy = draw(KolorsBundle(base_model, "cpu"), requests)
    whole = sampling.make_noise

    def refuse_the_second(seeds: list[int], width: int, height: int) -> torch.Tensor:
        if requests[1].seed in seeds:
            raise RuntimeError("not this one\nand a long explanation")
        return whole(seeds, width, height)

    monkeypatch.setattr(sampling, "make_noise", refuse_the_second)
    first, second, third = KolorsBundle(base_model, "cpu").draw(requests)
    assert second == FailedPanel(2, "RuntimeError: not this one")
    for panel in (first, third):
        assert not isinstance(panel, FailedPanel)
        assert np.abs(np.asarray(panel.image).astype(int) - healthy[panel.number]).max() <= 2


def test_a_decoder_that_overflows_is_no_black_picture(vae: VAE) -> None:
    with pytest.raises(FloatingPointError, match="not finite"):
        vae.decode(torch.full((1, 4, 8, 8), 1e38))
