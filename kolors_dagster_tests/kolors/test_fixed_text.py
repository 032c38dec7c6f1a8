import pytest
import torch

from kolors_dagster.kolors.fixed_text import fixed_text
from kolors_dagster.kolors.text import TextEmbeddings
from kolors_dagster.kolors.unet import KolorsUNet, make_time_ids

CPU = torch.device("cpu")


def make_inputs(rows: int) -> tuple[torch.Tensor, TextEmbeddings, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(rows, 4, 8, 16, generator=generator)
    hidden_states = torch.randn(rows, 256, 192, generator=generator)
    text = TextEmbeddings(hidden_states, torch.randn(rows, 192, generator=generator))
    return latents, text, make_time_ids(64, 128, rows, CPU, torch.float32)


@torch.no_grad()
def predict(
    unet: KolorsUNet, latents: torch.Tensor, text: TextEmbeddings, time_ids: torch.Tensor
) -> torch.Tensor:
    return unet(latents, torch.tensor(300), text.hidden_states, text.pooled, time_ids)


@torch.no_grad()
def test_the_numbers_are_the_very_same(unet: KolorsUNet) -> None:
    latents, text, time_ids = make_inputs(3)
    expected = predict(unet, latents, text, time_ids)
    with fixed_text(unet, text, time_ids):
        assert torch.equal(predict(unet, latents, text, time_ids), expected)


@torch.no_grad()
def test_the_text_goes_through_each_layer_once_and_not_again(unet: KolorsUNet) -> None:
    latents, text, time_ids = make_inputs(1)
    passes = []
    for name, module in unet.named_modules():
        if name.endswith(("attn2.to_k", "attn2.to_v", "encoder_hid_proj", "add_embedding")):
            module.register_forward_pre_hook(lambda module, arguments: passes.append(module))
    with fixed_text(unet, text, time_ids):
        for _ in range(3):
            predict(unet, latents, text, time_ids)
    assert len(passes) == len(set(passes)) > 10


@torch.no_grad()
def test_afterwards_the_unet_is_itself_again_also_after_an_error(unet: KolorsUNet) -> None:
    latents, text, time_ids = make_inputs(2)
    names = [name for name, _ in unet.named_modules()]
    with pytest.raises(ZeroDivisionError), fixed_text(unet, text, time_ids):
        raise ZeroDivisionError
    assert [name for name, _ in unet.named_modules()] == names
    other = TextEmbeddings(2 * text.hidden_states, text.pooled)
    assert not torch.equal(predict(unet, latents, other, time_ids), predict(unet, latents, text, time_ids))
