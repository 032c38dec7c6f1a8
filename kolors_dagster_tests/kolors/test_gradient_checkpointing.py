import torch

from kolors_dagster.kolors.gradient_checkpointing import checkpoint_gradients
from kolors_dagster.kolors.lora import inject_lora
from kolors_dagster.kolors.unet import KolorsUNet, make_time_ids
from kolors_dagster_tests.kolors.conftest import LORA_TARGETS


def kept_bytes_and_gradients(unet: KolorsUNet) -> tuple[int, list[torch.Tensor]]:
    """Return what autograd keeps between forward and backward, and the gradients of the LoRA."""
    generator = torch.Generator().manual_seed(0)
    latents, target = torch.randn(2, 2, 4, 16, 16, generator=generator)
    hidden_states = torch.randn(2, 16, 192, generator=generator)
    pooled = torch.randn(2, 192, generator=generator)
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if not isinstance(tensor, torch.nn.Parameter):
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        time_ids = make_time_ids(64, 64, 2, latents.device, latents.dtype)
        predicted = unet(latents, torch.tensor([900, 100]), hidden_states, pooled, time_ids)
        loss = (predicted - target).square().mean()
    total = sum(kept.values())
    trained = [weight for weight in unet.parameters() if weight.requires_grad]
    return total, list(torch.autograd.grad(loss, trained))


def test_the_gradients_are_the_same_to_the_bit_and_less_is_kept(unet: KolorsUNet) -> None:
    generator = torch.Generator().manual_seed(7)
    for weight in inject_lora(unet.train(), 4, 6.0, LORA_TARGETS, seed=3):
        weight.data += 0.05 * torch.randn(weight.shape, generator=generator)
    everything, plain = kept_bytes_and_gradients(unet)
    checkpoint_gradients(unet)
    inputs_only, again = kept_bytes_and_gradients(unet)
    assert all(torch.equal(one, other) for one, other in zip(plain, again, strict=True))
    assert all(gradient.abs().max() > 0 for gradient in plain)
    assert inputs_only < everything / 3
