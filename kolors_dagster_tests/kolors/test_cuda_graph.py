"""Replays are held against plain calls of the same function, on a GPU; elsewhere it is just called."""

import logging
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from kolors_dagster.kolors.cuda_graph import GraphedCall

on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


class Counted:
    """A function of one small network that counts how often Python ran it."""

    def __init__(self, device: str) -> None:
        generator = torch.Generator().manual_seed(0)
        self.model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.GELU(), nn.Conv2d(8, 3, 1))
        for weight in self.model.parameters():
            weight.data = 0.3 * torch.randn(weight.shape, generator=generator)
        self.model.to(device)
        self.calls = 0

    def predict(self, x: Tensor, scale: Tensor) -> Tensor:
        self.calls += 1
        with torch.no_grad():
            return self.model(x) * scale

    def add_gradients(self, x: Tensor, target: Tensor) -> Tensor:
        self.calls += 1
        loss = (self.model(x) - target).square().mean()
        loss.backward()
        return loss.detach()

    def gradients(self) -> list[Tensor]:
        return [weight.grad.clone() for weight in self.model.parameters() if weight.grad is not None]


def make_inputs(count: int, device: str, side: int = 8) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(1)
    shape = (2, 3, side, side)
    return [tuple(torch.randn(shape, generator=generator).to(device) for _ in range(2)) for _ in range(count)]


@pytest.mark.parametrize("refused", [False, True])
def test_on_the_cpu_it_is_just_a_call(refused: bool) -> None:
    counted = Counted("cpu")
    graphed = GraphedCall(counted.predict, refused=refused)
    results = [graphed(*inputs) for inputs in make_inputs(4, "cpu")]
    assert counted.calls == 4
    for result, inputs in zip(results, make_inputs(4, "cpu"), strict=True):
        assert torch.equal(result, counted.predict(*inputs))
    assert torch.equal(
        graphed(*make_inputs(1, "cpu", side=5)[0]), counted.predict(*make_inputs(1, "cpu", 5)[0])
    )


@on_gpu
def test_a_warm_one_is_recorded_at_its_first_call() -> None:
    counted = Counted("cuda")
    first, second = make_inputs(2, "cuda")
    expected = [counted.predict(*inputs) for inputs in (first, second)]
    graphed = GraphedCall(counted.predict, warm=True)
    for inputs, right in zip((first, second), expected, strict=True):
        assert torch.equal(graphed(*inputs), right)
    assert counted.calls == 3


def test_errors_of_the_function_come_through() -> None:
    def fail(x: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("nothing left")

    graphed = GraphedCall(fail)
    for _ in range(3):
        with pytest.raises(torch.OutOfMemoryError, match="nothing left"):
            graphed(torch.zeros(1))


@on_gpu
def test_replays_give_what_calls_give() -> None:
    counted, plain = Counted("cuda"), Counted("cuda")
    graphed = GraphedCall(counted.predict)
    for inputs in make_inputs(6, "cuda"):
        before = [tensor.clone() for tensor in inputs]
        torch.testing.assert_close(graphed(*inputs), plain.predict(*inputs), rtol=1e-5, atol=1e-6)
        assert all(torch.equal(tensor, was) for tensor, was in zip(inputs, before, strict=True))
    assert counted.calls == 2, "once as it is, once to be recorded"


@on_gpu
def test_the_next_replay_overwrites_the_result_and_reads_weights_anew() -> None:
    counted, plain = Counted("cuda"), Counted("cuda")
    graphed = GraphedCall(counted.predict)
    inputs = make_inputs(4, "cuda")
    graphed(*inputs[0])
    second = graphed(*inputs[1])
    kept = second.clone()
    for model in (counted.model, plain.model):
        for weight in model.parameters():
            weight.data.mul_(1.5)
    third = graphed(*inputs[2])
    assert third.data_ptr() == second.data_ptr() and not torch.equal(kept, third)
    torch.testing.assert_close(third, plain.predict(*inputs[2]), rtol=1e-5, atol=1e-6)


@on_gpu
def test_refused_it_is_called_every_time() -> None:
    counted, plain = Counted("cuda"), Counted("cuda")
    graphed = GraphedCall(counted.predict, refused=True)
    for inputs in make_inputs(4, "cuda"):
        assert torch.equal(graphed(*inputs), plain.predict(*inputs))
    assert counted.calls == 4


@on_gpu
def test_gradients_add_up_until_they_are_set_to_zero() -> None:
    """Three steps of two parts each, as training takes them: gradients are zeroed where they are."""
    counted, plain = Counted("cuda"), Counted("cuda")
    graphed = GraphedCall(counted.add_gradients)
    inputs = make_inputs(6, "cuda")
    for step in range(3):
        losses: dict[Callable, list[float]] = {graphed: [], plain.add_gradients: []}
        for model, add_gradients in ((counted.model, graphed), (plain.model, plain.add_gradients)):
            model.zero_grad(set_to_none=False)
            for part in inputs[2 * step : 2 * step + 2]:
                losses[add_gradients].append(add_gradients(*part).item())
        assert losses[graphed] == pytest.approx(losses[plain.add_gradients], rel=1e-5)
        assert len(counted.gradients()) == 4
        for ours, theirs in zip(counted.gradients(), plain.gradients(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)
        with torch.no_grad():
            for model in (counted.model, plain.model):
                for weight in model.parameters():
                    weight -= 0.1 * weight.grad  # type: ignore[operator]
    assert counted.calls == 2 and plain.calls == 6


@on_gpu
def test_graphs_of_one_pool_take_turns() -> None:
    counted, plain = Counted("cuda"), Counted("cuda")
    pool = torch.cuda.graph_pool_handle()
    graphs = {side: GraphedCall(counted.add_gradients, pool=pool) for side in (8, 16, 12)}
    inputs = {side: make_inputs(4, "cuda", side) for side in graphs}
    for turn in range(4):
        for side, graphed in graphs.items():
            for model in (counted.model, plain.model):
                model.zero_grad(set_to_none=False)
            ours, theirs = graphed(*inputs[side][turn]), plain.add_gradients(*inputs[side][turn])
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
            for one, other in zip(counted.gradients(), plain.gradients(), strict=True):
                torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)
    assert counted.calls == 2 * len(graphs)


@on_gpu
@pytest.mark.parametrize("how", ["before", "halfway"])
def test_without_memory_for_the_graph_it_goes_on_as_it_is(how: str, caplog: pytest.LogCaptureFixture) -> None:
    """PyTorch's own error, of a tensor larger than any GPU; what was recorded before it must not count."""
    counted, plain = Counted("cuda"), Counted("cuda")

    def run_out(x: Tensor, target: Tensor) -> Tensor:
        capturing = torch.cuda.is_current_stream_capturing()
        if capturing and how == "before":
            torch.empty(2**43, device="cuda", dtype=torch.uint8)
        loss = counted.add_gradients(x, target)
        if capturing:
            torch.empty(2**43, device="cuda", dtype=torch.uint8)
        return loss

    graphed = GraphedCall(run_out, pool=torch.cuda.graph_pool_handle())
    with caplog.at_level(logging.WARNING):
        for inputs in make_inputs(4, "cuda"):
            for model in (counted.model, plain.model):
                model.zero_grad(set_to_none=False)
            torch.testing.assert_close(graphed(*inputs), plain.add_gradients(*inputs))
            for ours, theirs in zip(counted.gradients(), plain.gradients(), strict=True):
                torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)
    assert caplog.text.count("not enough memory for a CUDA graph") == 1
    assert counted.calls == 4 + (how == "halfway")
    other = GraphedCall(plain.predict)  # the GPU can record others after it
    for inputs in make_inputs(3, "cuda"):
        torch.testing.assert_close(other(*inputs), counted.predict(*inputs), rtol=1e-5, atol=1e-6)
