"""Work that is the same every time, given to the GPU in one piece instead of kernel by kernel."""

import gc
import logging
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

_log = logging.getLogger(__name__)


class GraphedCall:
    """A function of tensors that from its second call on is replayed as a CUDA graph; elsewhere just called.

    From its first, if it is `warm`: if the same layers have computed the same shapes in this process.

    `function` takes and returns tensors of the same shapes every time and waits for nothing on the CPU. What
    else it reads must stay where it is; what it writes (gradients) is written again at each replay. The
    result is overwritten by the next call. Full-size Kolors waits for its launches otherwise: 76 ms a
    forward pass on an H100, against 42. Where there is no memory for the graph, or it is `refused`, the
    function is called as it is. Graphs of one `pool` work in the same memory, one after the other.
    """

    def __init__(
        self,
        function: Callable[..., Tensor],
        *,
        refused: bool = False,
        pool: Any = None,
        warm: bool = False,
    ) -> None:
        self._function = function
        self._pool = pool
        self._graph: torch.cuda.CUDAGraph | None = None
        self._inputs: tuple[Tensor, ...] = ()
        self._output: Tensor | None = None
        self._warm, self._refused = warm, refused

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Return what the function makes of `inputs`."""
        if self._refused or not inputs[0].is_cuda:
            return self._function(*inputs)
        if not self._warm:  # libraries and compiled kernels set themselves up, which no graph can hold
            self._warm = True
            return _run_aside(lambda: self._function(*inputs))
        if self._graph is None:
            try:
                self._capture(inputs)
            except torch.OutOfMemoryError:
                _log.warning("not enough memory for a CUDA graph; going on without, slower")
                self._refused, self._graph, self._inputs, self._output = True, None, (), None
                gc.collect()
                torch.cuda.empty_cache()
                return self._function(*inputs)
        for held, given in zip(self._inputs, inputs, strict=True):
            held.copy_(given)
        assert self._graph is not None and self._output is not None
        self._graph.replay()
        return self._output

    def _capture(self, inputs: tuple[Tensor, ...]) -> None:
        self._inputs = tuple(tensor.clone() for tensor in inputs)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            self._output = self._function(*self._inputs)
        self._graph = graph


def _run_aside(work: Callable[[], Tensor]) -> Tensor:
    """Run `work` on a stream of its own, as PyTorch wants the last run before a capture."""
    here, aside = torch.cuda.current_stream(), torch.cuda.Stream()  # type: ignore[no-untyped-call]
    aside.wait_stream(here)
    with torch.cuda.stream(aside):
        result = work()
    here.wait_stream(aside)
    return result
