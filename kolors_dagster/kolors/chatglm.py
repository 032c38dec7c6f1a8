"""ChatGLM3 as Kolors takes it from diffusers: without the language model's head, which Kolors never uses."""

import torch
from diffusers.pipelines.kolors.text_encoder import ChatGLMConfig, ChatGLMModel
from diffusers.pipelines.kolors.tokenizer import ChatGLMTokenizer
from torch import Tensor, nn

__all__ = ["ChatGLMConfig", "ChatGLMModel", "ChatGLMTokenizer", "HeadlessChatGLM", "rotary_frequencies"]


class HeadlessChatGLM(ChatGLMModel):
    """The transformer alone."""

    def __init__(self, config: ChatGLMConfig) -> None:
        super().__init__(config, empty_init=False)
        self.output_layer = nn.Identity()


def rotary_frequencies(config: ChatGLMConfig) -> Tensor:
    """Return the rotary embedding's base frequencies, a buffer that ChatGLM's weight files hold too."""
    dim = (config.kv_channels or config.hidden_size // config.num_attention_heads) // 2
    return 1.0 / (10000 ** (torch.arange(0, dim, 2, device="cpu") / dim))
