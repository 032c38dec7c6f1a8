import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kolors_dagster.kolors.loss_curve import draw_loss_curve


def draw(folder: Path, losses: list[float]) -> np.ndarray:
    rows = [f"{step},{loss}\n" for step, loss in enumerate(losses, 1)]
    (folder / "loss.csv").write_text("step,loss\n" + "".join(rows))
    png = draw_loss_curve(folder / "loss.csv")
    assert png == draw_loss_curve(folder / "loss.csv")
    with Image.open(io.BytesIO(png)) as image:
        assert image.size == (720, 320)
        return np.asarray(image.convert("RGB")).astype(int)


def test_the_dark_line_falls_with_the_loss(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).random(400)
    pixels = draw(tmp_path, list(noise + np.linspace(4, 0.5, 400)))
    dark = (pixels[:, :, 2] - pixels[:, :, 0] > 60) & (pixels.sum(2) < 400)
    left, right = (
        np.argwhere(dark[60:270, columns])[:, 0].mean() for columns in (slice(70, 150), slice(620, 700))
    )
    assert right - left > 80


@pytest.mark.parametrize("count", [1, 2, 25])
def test_a_short_training_shows_too(tmp_path: Path, count: int) -> None:
    pixels = draw(tmp_path, [0.5] * count)
    blueish = pixels[60:270, 70:700, 2] - pixels[60:270, 70:700, 0] > 15
    assert blueish.sum() > 20
