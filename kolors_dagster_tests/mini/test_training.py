from argparse import Namespace
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
import yaml

from kolors_dagster.kolors.text import TextEncoder
from kolors_dagster.mini import config
from kolors_dagster.mini.drawings.scene import ATTRIBUTES, is_held_out, sample_scene
from kolors_dagster.mini.training import __main__
from kolors_dagster.mini.training.autoencoder import make_autoencoder, standardise
from kolors_dagster.mini.training.captions import (
    LONGEST,
    load_tokenizer,
    pad_left,
    tokenize,
    write_texts,
)
from kolors_dagster.mini.training.denoiser import Batches, CaptionedLatents, Trainer
from kolors_dagster.mini.training.scenes import label_scene, render_shard, sample_training_scene
from kolors_dagster.mini.training.text_encoder import embed, make_chatglm

TEXTS = ["一个紫色头发的女孩，短发", "", "text"]


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render_shard(tmp_path_factory.mktemp("scenes"), 0, 0, size=4)


def test_training_pads_texts_as_the_tokenizer_does() -> None:
    tokenizer = load_tokenizer()
    rows, lengths = tokenize(TEXTS, tokenizer)
    tokens = pad_left(torch.from_numpy(rows.astype(np.int16)), torch.from_numpy(lengths))
    expected = tokenizer(TEXTS, padding="max_length", max_length=256, return_tensors="pt")
    assert torch.equal(tokens.ids, expected["input_ids"])
    assert torch.equal(tokens.mask, expected["attention_mask"])
    assert torch.equal(tokens.positions, expected["position_ids"])


def test_the_encoder_sees_in_training_what_it_sees_when_drawing() -> None:
    torch.manual_seed(0)
    model, tokenizer = make_chatglm().eval(), load_tokenizer()
    rows, lengths = tokenize(TEXTS, tokenizer)
    ours = embed(model, pad_left(torch.from_numpy(rows.astype(np.int16)), torch.from_numpy(lengths)))
    theirs = TextEncoder(model, tokenizer).encode(TEXTS)
    assert torch.allclose(ours.hidden_states, theirs.hidden_states, atol=1e-4)
    assert torch.allclose(ours.pooled, theirs.pooled, atol=1e-4)
    assert ours.pooled.isfinite().all()


def test_no_text_is_too_long_and_no_held_out_scene_is_drawn() -> None:
    rng, tokenizer = Random(3), load_tokenizer()
    for _ in range(200):
        scene = sample_training_scene(rng)
        assert not is_held_out(scene)
        assert all(len(tokenizer(text)["input_ids"]) <= LONGEST for text in write_texts(scene, rng))
    assert any(is_held_out(sample_scene(rng)) for _ in range(200))


def test_a_shard_holds_pictures_texts_and_labels(shard: Path) -> None:
    with np.load(shard) as file:
        assert file["pictures"].shape == (4, 256, 256, 3)
        assert file["pictures"].std() > 20
        assert file["labels"].shape == (4, len(ATTRIBUTES))
    scene = sample_scene(Random(1))
    values = [
        list(ATTRIBUTES[name])[number] for name, number in zip(ATTRIBUTES, label_scene(scene), strict=True)
    ]
    assert values == [getattr(scene, name) for name in ATTRIBUTES]


def test_standardising_changes_latents_and_not_pictures() -> None:
    torch.manual_seed(0)
    vae = make_autoencoder().eval()
    pixels = torch.rand(2, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        before = vae.encode(pixels)
        expected, spread = vae.decode(before.mean), before.std / before.mean.std(dim=(0, 2, 3))[:, None, None]
        standardise(vae, pixels)
        after = vae.encode(pixels)
        scaled = after.mean * config.VAE["scaling_factor"]
        assert torch.allclose(vae.decode(after.mean), expected, atol=1e-3)
        assert torch.allclose(scaled.std(dim=(0, 2, 3)), torch.ones(4), atol=1e-3)
        assert scaled.mean().abs() < 1e-3
        assert torch.allclose(after.std / after.mean.std(dim=(0, 2, 3))[:, None, None], spread, rtol=1e-3)


def test_steps_learn_and_restart_forgets(shard: Path) -> None:
    with np.load(shard) as file:
        tensors = {
            name: torch.from_numpy(file[name].astype(np.int16)) for name in ("tokens", "lengths", "labels")
        }
    rows, _ = tokenize([""], load_tokenizer())
    trainer = Trainer(torch.device("cpu"), compiled=False)
    data = CaptionedLatents(latents=torch.randn(4, 4, 8, 8).half(), **tensors)
    batches = Batches(data, torch.from_numpy(rows[0].astype(np.int16)), 4, torch.device("cpu"), 0)
    first = [weight.detach().clone() for weight in trainer.weights]
    losses = [trainer.step(batches, 0.0) for _ in range(3)]
    assert all(loss.isfinite().all() for loss in losses)
    assert any(not torch.equal(a, b) for a, b in zip(first, trainer.weights, strict=True))
    trainer.restart()
    assert trainer.steps == 0
    assert all(torch.equal(a, b) for a, b in zip(first, trainer.weights, strict=True))


def test_training_again_keeps_scenes_but_no_latents_of_another_autoencoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scenes").mkdir()
    for name in ("latents.pt", "scenes/complete", "scenes/00000.npz"):
        (tmp_path / name).touch()
    monkeypatch.setattr(__main__, "STAGES", ())
    __main__.run_all(Namespace(work=tmp_path))
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["00000.npz"]


def test_every_character_of_the_shipped_stories_is_in_captions() -> None:
    rng = Random(0)
    said = set("".join(text for _ in range(3000) for text in write_texts(sample_scene(rng), rng)))
    for path in Path("data/stories").glob("*.yaml"):
        story = yaml.safe_load(path.read_text(encoding="utf-8"))
        for panel in story["panels"]:
            prompt = panel["prompt"]
            for name, description in story["characters"].items():
                prompt = prompt.replace("{" + name + "}", description)
            assert len(set(prompt) - said) <= 2, (prompt, set(prompt) - said)
