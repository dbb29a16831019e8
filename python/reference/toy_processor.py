"""The Gemma 4 processor of transformers with the toy vocabulary and the published chat template."""

import pathlib

import torch
import torchvision.transforms.v2.functional as tvF
from PIL import Image
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast
from transformers.models.gemma4.feature_extraction_gemma4 import Gemma4AudioFeatureExtractor
from transformers.models.gemma4.image_processing_pil_gemma4 import Gemma4ImageProcessorPil
from transformers.models.gemma4.processing_gemma4 import Gemma4Processor
from transformers.models.gemma4.video_processing_gemma4 import (
    Gemma4VideoProcessor,
    get_aspect_ratio_preserving_size,
)

from toy_tokenizer import ToyTokenizer

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "tests" / "golden" / "chat" / "gemma4_chat_template.jinja"


class PillowVideoProcessor(Gemma4VideoProcessor):
    """Resizes with Pillow, as Gemma4ImageProcessorPil does: transformers has no such processor for
    videos, and torchvision's bytes differ by a level here and there (compare_image_paths.py)."""

    def aspect_ratio_preserving_resize(self, video, patch_size, max_patches, pooling_kernel_size,
                                       resample):
        height, width = get_aspect_ratio_preserving_size(
            video.shape[-2], video.shape[-1], patch_size, max_patches, pooling_kernel_size)
        if (height, width) == tuple(video.shape[-2:]):
            return video
        frames = [Image.fromarray(frame.permute(1, 2, 0).numpy()) for frame in video]
        resized = [frame.resize((width, height), Image.Resampling.BICUBIC) for frame in frames]
        return torch.stack([tvF.pil_to_tensor(frame) for frame in resized])


class ToyProcessor(Gemma4Processor):
    """Remembers the text that it made ids of, and what took the places of placeholders."""

    def __init__(self, image_soft_tokens: int = 70):
        toy = ToyTokenizer("gemma4")
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=Tokenizer.from_str(toy.tokenizer_json()), bos_token="<bos>",
            eos_token="<eos>", pad_token="<pad>", unk_token="<unk>", padding_side="left",
            extra_special_tokens={
                "image_token": "<|image|>", "boi_token": "<|image>", "eoi_token": "<image|>",
                "audio_token": "<|audio|>", "boa_token": "<|audio>", "eoa_token": "<audio|>"})
        super().__init__(
            Gemma4AudioFeatureExtractor(), Gemma4ImageProcessorPil(max_soft_tokens=image_soft_tokens),
            tokenizer, PillowVideoProcessor(), chat_template=TEMPLATE.read_text(encoding="utf-8"))
        self.expanded = ""
        self.replacements: list[dict] = []

    # What save_pretrained and from_pretrained ask of a subclass is not needed here.
    @classmethod
    def get_attributes(cls):
        return Gemma4Processor.get_attributes()

    def get_text_with_replacements(self, text, *replacements):
        text, offsets = super().get_text_with_replacements(text, *replacements)
        (self.expanded,), (self.replacements,) = text, offsets
        return text, offsets


def as_transformers_reads(messages: list[dict]) -> list[dict]:
    """OpenAI's wire shape with parts that the template knows: it has no `video_url`."""
    kinds = {"image_url": "image", "video_url": "video"}

    def content(value):
        if not isinstance(value, list):
            return value
        return [{**part, "type": kinds.get(part["type"], part["type"])} for part in value]

    return [{**m, "content": content(m["content"])} if "content" in m else m for m in messages]
