"""Rows of a training that keep what the model does without a prompt, so that guidance strengthens the style.

Guidance moves a picture from the prediction without the prompt towards the one with it, several times over. A
LoRA that has learnt captioned pictures alone changes both predictions alike: all that the prompt says is then
strengthened but the style, which is in both. So in some rows the caption gives way to what a prediction is
compared with, and what is learnt is the model's own prediction, as it was before the training: all of it, or
a part, the rest being the picture's. With all of it guidance strengthens the style as much as what the prompt
says, and what the two fight over is lost: the place, and the darks and lights. At much noise only, where
colours and layout are decided; with less, the picture itself shows its style.
Source: after the prior preservation of Ruiz et al. 2023, "DreamBooth".
"""

from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor

UNPROMPTED = ("", "低分辨率，画面模糊，五官变形，手指畸形，水印，text")
"""What predictions are compared with: no prompt, and what stories say that no panel may show."""
PRESERVED_WEIGHT = 2.0
"""Such a row's weight in the loss, by trial on kolors-mini."""
_PRESERVED_EVERY = 4  # rows
# Of the timesteps, by trial on kolors-mini (figures: the data card of its drawings): more hide the place
# that a prompt asks for, fewer leave the style faint.
_PRESERVED_TIMESTEPS = (0.64, 0.91)


class PreservedRow(NamedTuple):
    """A row of a batch that keeps the model's own prediction, and the text it is conditioned on."""

    row: int
    text: str


def find_preserved_rows(step: int, batch_size: int) -> Iterator[PreservedRow]:
    """Yield those rows of the batch of `step` that are preserved: of all steps' rows, every fourth."""
    for row in range(batch_size):
        fours, rest = divmod(step * batch_size + row, _PRESERVED_EVERY)
        if rest == _PRESERVED_EVERY - 1:
            yield PreservedRow(row, UNPROMPTED[fours % len(UNPROMPTED)])


def bring_to_much_noise(timestep: Tensor, timesteps: int) -> Tensor:
    """Return the timestep, drawn from all `timesteps`, as one of those at which rows are preserved."""
    first, end = (int(timesteps * share) for share in _PRESERVED_TIMESTEPS)
    return first + timestep * (end - first) // timesteps
