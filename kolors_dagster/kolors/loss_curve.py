"""The loss curve of a training, as a small picture."""

import io
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

_LINE = "#3b4a8c"
_GRID = "#e6e6ee"


def draw_loss_curve(loss_csv: Path) -> bytes:
    """Return a PNG (720 × 320) of a `step,loss` table: every loss in light, their running mean in dark.

    The noise level drawn for a step moves its loss far more than what was learnt, so the running mean, over
    a tenth of the steps, is what shows whether the LoRA still learns.
    """
    steps, losses = np.loadtxt(loss_csv, delimiter=",", skiprows=1, ndmin=2, unpack=True)
    figure = Figure(figsize=(7.2, 3.2), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    dots = "o" if len(losses) < 20 else ""
    axes.plot(steps, losses, dots + "-", color=_LINE, alpha=0.25, linewidth=0.8, label="loss of each step")
    window = len(losses) // 10
    if window > 1:
        mean = _running_mean(losses, window)
        axes.plot(steps, mean, color=_LINE, linewidth=2, label=f"mean of {window} steps")
    axes.set_xlabel("step")
    axes.set_ylabel("loss")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    # A single outlier must not flatten the rest.
    axes.set_ylim(0, 1.3 * float(np.quantile(losses, 0.99)))
    axes.set_xlim(0, len(losses) + 1)
    axes.grid(color=_GRID)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper right", ncols=2)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()


def _running_mean(values: np.ndarray, window: int) -> np.ndarray:
    """Return at each place the mean of the `window` values around it; fewer at the ends."""
    kernel = np.ones(window)
    return np.convolve(values, kernel, "same") / np.convolve(np.ones_like(values), kernel, "same")
