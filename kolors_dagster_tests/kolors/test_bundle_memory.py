"""How `KolorsBundle` lives with little memory: what is in it at a time, and what happens when it runs out."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from kolors_dagster.errors import UserError
from kolors_dagster.kolors import bundle as bundle_module
from kolors_dagster.kolors.base_model import BaseModel
from kolors_dagster.kolors.bundle import KolorsBundle
from kolors_dagster.kolors.diffsynth import StableDiffusionVAE
from kolors_dagster.kolors.diffsynth_streaming import AutoWrappedLinear
from kolors_dagster.kolors.text import TextEmbeddings, TextEncoder
from kolors_dagster.kolors.unet import KolorsUNet
from kolors_dagster_tests.kolors.drawing import REQUEST, draw, make_requests

pytestmark = pytest.mark.usefixtures("data")


def test_the_text_encoder_is_never_in_memory_beside_the_unet(
    base_model: BaseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = KolorsBundle(base_model, "cpu", memory_plan="resident")
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
    base_model: BaseModel, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    expected = draw(KolorsBundle(base_model, "cpu", batch_size=2), make_requests(5))
    forward = KolorsUNet.forward

    def with_little_memory(unet: KolorsUNet, latents: Tensor, *arguments: Any) -> Tensor:
        if len(latents) > 4:  # guidance makes two rows of a picture
            raise torch.OutOfMemoryError
        return forward(unet, latents, *arguments)

    monkeypatch.setattr(KolorsUNet, "forward", with_little_memory)
    drawn = draw(KolorsBundle(base_model, "cpu", batch_size=5), make_requests(5))
    assert all(np.array_equal(drawn[number], expected[number]) for number in expected)
    assert "with 5 pictures at a time; going on with 2" in caplog.text


def test_out_of_memory_with_one_picture_says_what_helps(
    base_model: BaseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_memory(*arguments: Any) -> Tensor:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(KolorsUNet, "forward", without_memory)
    with pytest.raises(UserError, match="not enough memory for one picture"):
        draw(KolorsBundle(base_model, "cpu"), make_requests(3))


def test_out_of_memory_with_one_picture_streams_the_unet(
    base_model: BaseModel, lora_file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    expected = draw(KolorsBundle(base_model, "cpu", batch_size=1), make_requests(2), lora_file)
    forward = KolorsUNet.forward

    def with_little_memory(unet: KolorsUNet, *arguments: Any) -> Tensor:
        if not any(isinstance(part, AutoWrappedLinear) for part in unet.modules()):
            raise torch.OutOfMemoryError
        return forward(unet, *arguments)

    monkeypatch.setattr(KolorsUNet, "forward", with_little_memory)
    drawn = draw(KolorsBundle(base_model, "cpu", batch_size=2), make_requests(2), lora_file)
    assert all(np.array_equal(drawn[number], expected[number]) for number in expected)
    assert caplog.text.count("out of memory") == 2  # two at a time, and then one


def test_out_of_memory_in_the_vae_loses_no_panel(
    base_model: BaseModel, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    expected = draw(KolorsBundle(base_model, "cpu"), make_requests(3))
    decode, tries = StableDiffusionVAE.decode, []

    def with_little_memory(vae: StableDiffusionVAE, latents: Tensor) -> Tensor:
        tries.append(latents)
        if len(tries) == 2:
            raise torch.OutOfMemoryError
        return decode(vae, latents)

    monkeypatch.setattr(StableDiffusionVAE, "decode", with_little_memory)
    drawn = draw(KolorsBundle(base_model, "cpu"), make_requests(3))
    assert len(tries) == 4 and all(np.array_equal(drawn[number], expected[number]) for number in expected)
    assert "it goes on on the CPU" in caplog.text


def test_the_plan_follows_from_what_is_free_and_draws_the_same(
    base_model: BaseModel, lora_file: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = draw(KolorsBundle(base_model, "cpu", batch_size=1), make_requests(2), lora_file)
    monkeypatch.setattr(bundle_module, "free_memory", lambda device: 10_000_000)
    monkeypatch.setenv("KOLORS_DATA", str(data / "other"))  # where no embeddings are
    small = KolorsBundle(base_model, "cpu")
    assert small.plan.describe().startswith(
        "sequential, 1 at a time, text encoder streamed, UNet streamed, VAE on the CPU"
    )
    drawn = draw(small, make_requests(2), lora_file)
    assert small.calls["text_encoder"] == 3
    assert all(np.array_equal(drawn[number], expected[number]) for number in expected)


def test_both_memory_plans_draw_the_same_bytes(base_model: BaseModel, lora_file: Path) -> None:
    requests = [*make_requests(3), replace(REQUEST, number=4, lora_weight=0.5)]
    resident = KolorsBundle(base_model, "cpu", batch_size=2, memory_plan="resident")
    sequential = KolorsBundle(base_model, "cpu", batch_size=2, memory_plan="sequential")
    one, other = draw(resident, requests, lora_file), draw(sequential, requests, lora_file)
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[number], other[number]) for number in one)
    assert set(resident._parts) == {"unet", "vae"} and not sequential._parts
