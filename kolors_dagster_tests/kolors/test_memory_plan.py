from dataclasses import replace
from itertools import pairwise

import pytest

from kolors_dagster.errors import UserError
from kolors_dagster.kolors.memory_plan import MemoryPlan, PartSizes, choose_memory_plan

GIB = 2**30
KOLORS = PartSizes.of(
    {
        "text_encoder/pytorch_model-00001-of-00007.bin": int(11.62 * GIB),
        "unet/diffusion_pytorch_model.fp16.safetensors": int(4.8 * GIB),
        "vae/diffusion_pytorch_model.fp16.safetensors": int(0.16 * GIB),
        "scheduler/scheduler_config.json": 10_000,
    },
    itemsize=2,
)
MINI = PartSizes.of(
    {"text_encoder/model": 25_000_000, "unet/model": 26_000_000, "vae/model": 10_000_000}, itemsize=4
)


def plan(gib: float, **changes: object) -> MemoryPlan:
    return choose_memory_plan(gib * GIB, KOLORS, 1024, **changes)  # type: ignore[arg-type]


def test_the_files_are_fp16_and_the_vae_computes_in_fp32() -> None:
    assert KOLORS.unet == pytest.approx(4.8 * GIB)
    assert KOLORS.vae == pytest.approx(0.32 * GIB)
    assert PartSizes(50_000_000, 52_000_000, 20_000_000) == MINI


@pytest.mark.parametrize(
    ("gib", "described"),
    [
        (80, "resident, 8 at a time"),
        (16, "resident, 8 at a time"),
        (12, "sequential, 8 at a time, text encoder streamed"),
        (8, "sequential, 4 at a time, text encoder streamed, gradient checkpointing in training"),
        (
            6,
            "sequential, 1 at a time, text encoder streamed, UNet streamed, "
            "gradient checkpointing in training",
        ),
        (
            4,
            "sequential, 1 at a time, text encoder streamed, UNet streamed, VAE on the CPU, "
            "gradient checkpointing in training",
        ),
    ],
)
def test_a_smaller_card_spares_more(gib: float, described: str) -> None:
    assert plan(gib).describe() == described


def test_more_memory_never_spares_more() -> None:
    plans = [plan(gib / 2) for gib in range(1, 200)]
    for less, more in pairwise(plans):
        assert more.batch_size >= less.batch_size
        assert more.resident >= less.resident
        assert not (more.checkpoint_gradients and not less.checkpoint_gradients)
        assert not (more.vae_on_cpu and not less.vae_on_cpu)
        assert not (more.stream_unet is not None and less.stream_unet is None)
        assert not (more.stream_text_encoder is not None and less.stream_text_encoder is None)


def test_what_is_streamed_leaves_room_to_work_in() -> None:
    small = plan(4)
    assert small.stream_unet is not None and 0.3 * GIB < small.stream_unet < 1.5 * GIB
    assert small.stream_text_encoder is not None and GIB < small.stream_text_encoder < 2 * GIB


def test_a_person_can_say_what_becomes_of_unet_and_vae() -> None:
    assert plan(80, requested="sequential") == replace(plan(80), resident=False)
    kept = plan(8, requested="resident")
    assert kept.resident and kept.stream_unet is None
    with pytest.raises(UserError, match="'huge'"):
        plan(16, requested="huge")


def test_fp8_takes_room_beside_the_unet() -> None:
    files = {"unet/diffusion_pytorch_model.fp16.safetensors": int(4.8 * GIB)}
    sizes = PartSizes.of(files, itemsize=2, fp8=True)
    assert sizes.unet - PartSizes.of(files, itemsize=2).unet == pytest.approx(1.43 * GIB, rel=0.01)
    with_copy = replace(KOLORS, unet=sizes.unet)
    assert choose_memory_plan(7.5 * GIB, KOLORS, 1024).stream_unet is None
    assert choose_memory_plan(7.5 * GIB, with_copy, 1024).stream_unet is not None


def test_smaller_pictures_take_less() -> None:
    small = choose_memory_plan(8 * GIB, KOLORS, 512)
    assert small.batch_size == 8 and not small.checkpoint_gradients


def test_a_small_model_stays_as_it_was_in_half_a_gibibyte() -> None:
    assert choose_memory_plan(GIB // 2, MINI, 256).describe() == "resident, 8 at a time"


def test_a_batch_is_not_enlarged() -> None:
    assert plan(80, batch_size=3).batch_size == 3
    assert plan(0.5, batch_size=1).batch_size == 1
