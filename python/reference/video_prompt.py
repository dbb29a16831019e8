"""A prompt with words, a video and an image from the conversation to the words of the toy model."""

import zlib

import numpy as np
import torch

import toy_video
from oracle import Oracle
from toy_processor import ToyProcessor, as_transformers_reads

# The size that the processor wants at budget 70: pixels are a formula even after its resize.
SIZE = (528, 288)
FPS, FRAMES, KEPT = 12.0, 60, 6
IMAGE_SIZE, IMAGE_INDEX = (480, 336), 77
GREEDY_TOKENS, PENALTY = 24, 2.0
MESSAGES = [{"role": "user", "content": [
    {"type": "text", "text": "the first one is a game of two"},
    {"type": "video_url", "video_url": {"url": "0"}},
    {"type": "text", "text": "and here is where it ends:"},
    {"type": "image_url", "image_url": {"url": "0"}},
    {"type": "text", "text": "why?"}]}]


def crc(values) -> int:
    return zlib.crc32(np.ascontiguousarray(values).tobytes())


class VideoPrompt:
    def __init__(self, model: torch.nn.Module):
        self.model, self.oracle = model, Oracle(model)
        processor = ToyProcessor()
        self.rendered = processor.apply_chat_template(
            as_transformers_reads(MESSAGES), tokenize=False, add_generation_prompt=True)
        self.video = toy_video.video(FRAMES, *SIZE)
        image = toy_video.frame(IMAGE_INDEX, *IMAGE_SIZE)
        self.inputs = processor(
            text=self.rendered, images=[[image]], videos=[self.video], return_tensors="pt",
            return_metadata=True, videos_kwargs={
                "num_frames": KEPT, "video_metadata": [{"total_num_frames": FRAMES, "fps": FPS}]})
        self.expanded = processor.expanded
        (self.metadata,) = self.inputs.pop("video_metadata")
        self.ids = self.inputs.pop("input_ids")[0].tolist()
        self.kinds = self.inputs.pop("mm_token_type_ids")[0].tolist()
        self.placeholders = [processor.image_token_id, processor.video_token_id]
        del self.inputs["attention_mask"]
        self._check_pixels(processor)

    def _check_pixels(self, processor: ToyProcessor) -> None:
        """Frames are what the image processor makes of pictures, and stand in plain rows."""
        self.frames = [self.video[i] for i in self.metadata.frames_indices]
        count = SIZE[0] * SIZE[1] // 256
        for values, places, frame in zip(self.inputs["pixel_values_videos"],
                                         self.inputs["video_position_ids"], self.frames, strict=True):
            picture = processor.image_processor(frame, return_tensors="pt")
            assert torch.equal(values, picture["pixel_values"][0])
            assert torch.equal(places, picture["image_position_ids"][0])
            assert (places[count:] == -1).all() and (places[:count] >= 0).all()
            assert places[SIZE[0] // 16].tolist() == [0, 1]

    def about(self) -> dict:
        count = SIZE[0] * SIZE[1] // 256
        return {
            "messages": MESSAGES, "size": SIZE, "fps": FPS, "frames": FRAMES, "num_frames": KEPT,
            "budget": 70, "indices": [int(i) for i in self.metadata.frames_indices],
            "seconds": self.metadata.timestamps,
            "frame_bytes": [crc(frame) for frame in self.frames],
            "frame_patches": [crc(v[:count].numpy()) for v in self.inputs["pixel_values_videos"]],
            "image_size": IMAGE_SIZE, "image_index": IMAGE_INDEX,
            "rendered": self.rendered, "expanded": self.expanded}

    @torch.no_grad()
    def logits(self, ids: list[int]) -> torch.Tensor:
        """Words that the model has said are plain, whatever their ids."""
        self.oracle.seen.clear()
        kinds = self.kinds + [0] * (len(ids) - len(self.kinds))
        output = self.model(input_ids=torch.tensor([ids]), mm_token_type_ids=torch.tensor([kinds]),
                            use_cache=False, **self.inputs)
        return output.logits[0].float()

    @torch.no_grad()
    def soft_tokens(self) -> dict[str, torch.Tensor]:
        video = self.model.model.get_video_features(
            self.inputs["pixel_values_videos"], self.inputs["video_position_ids"],
            num_frames_per_video=self.inputs["num_frames_per_video"])
        image = self.model.model.get_image_features(
            self.inputs["pixel_values"], self.inputs["image_position_ids"])
        return {"video.soft": torch.cat(list(video.pooler_output)).reshape(
                    KEPT, -1, self.model.config.text_config.hidden_size),
                "image.soft": torch.cat(list(image.pooler_output))}

    def rows(self) -> list[int]:
        """Every word, and the ends and the middle of every block: all would be too large a file."""
        kept, begin = [], 0
        for at in range(len(self.ids)):
            if self.kinds[at] == 0:
                kept.append(at)
                begin = at + 1
            elif (at - begin) % 33 < 2 or self.kinds[at + 1] == 0:
                kept.append(at)
        return kept

    def greedy(self, penalty: float) -> list[int]:
        """Presence and frequency penalty: without, the model falls into a rut whatever it has seen."""
        said, leads = [], []
        for _ in range(GREEDY_TOKENS):
            last = self.logits(self.ids + said)[-1]
            last[self.placeholders] = -1e9  # the engine never draws them
            for token in set(said):
                last[token] -= penalty * (1 + said.count(token))
            best = last.topk(2)
            leads.append(float(best.values[0] - best.values[1]))
            said.append(int(best.indices[0]))
        print(f"smallest lead after the video, penalty {penalty}: {min(leads)}")
        return said

    def tensors(self) -> dict[str, torch.Tensor]:
        rows = self.rows()
        logits = self.logits(self.ids)
        whole = lambda values: torch.tensor(values, dtype=torch.int32)
        found = {"prompt.ids": whole(self.ids), "prompt.kinds": whole(self.kinds),
                 "rows": whole(rows), "logits": logits[rows]}
        for name, value in self.oracle.seen.items():
            if name.startswith("hidden.layer."):
                found[name] = value[rows]
        found.update(self.soft_tokens())
        found["greedy.ids"] = whole(self.greedy(0.0))
        found["varied.ids"] = whole(self.greedy(PENALTY))
        return {name: value.contiguous() for name, value in found.items()}
