"""Writes tests/golden/chat/video_prompts.json: prompts with videos as the template renders them, and
what the processor makes of them before it looks for tokens.

    python make_video_prompt_goldens.py OUT_FOLDER      (tests/golden/chat)

README.md says what a case holds.
"""

import json
import pathlib
import re
import sys

import numpy as np
import transformers

from toy_processor import ToyProcessor, as_transformers_reads

WIDE = (160, 90)  # width, height


def text(words):
    return {"type": "text", "text": words}


def video(index=0):
    return {"type": "video_url", "video_url": {"url": str(index)}}


def image(index=0):
    return {"type": "image_url", "image_url": {"url": str(index)}}


def user(*parts):
    return {"role": "user", "content": list(parts)}


def clip(fps, indices, size=WIDE):
    return {"size": size, "fps": fps, "indices": indices}


def cases():
    three = clip(2.0, [0, 2, 4])
    yield "one frame", [user(text("what is this?"), video())], [clip(25.0, [0])]
    yield "three frames", [user(text("what is this?"), video())], [three]
    yield ("past an hour and past 100 minutes", [user(video())],
           [clip(25.0, [0, 1499, 1500, 89_999, 90_000, 150_000, 900_000])])
    # 24000 / (24000 / 1001) is 1000.9999999999999 in doubles: 16:40
    yield ("rates that doubles do not hold", [user(video(0), video(1))],
           [clip(24000 / 1001, [23, 24, 23_999, 24_000]), clip(30000 / 1001, [29, 30, 1798, 1799])])
    yield "a second of four frames", [user(video())], [clip(4.0, [0, 1, 2, 3, 4])]
    yield "unknown rate", [user(video())], [clip(None, [0, 1, 2])]
    yield "unknown rate, later frames", [user(video())], [clip(None, [0, 23, 24, 47, 48])]
    yield "words after", [user(video(), text("what is this?"))], [three]
    yield "words on both sides", [user(text("look:"), video(), text("and now?"))], [three]
    yield "no words", [user(video())], [three]
    yield "spaces around", [user(text("look:  "), video(), text("  \tand now?"))], [three]
    yield "newlines around", [user(text("look:\n\n"), video(), text("\n\nand now?"))], [three]
    yield "digits around", [user(text("12:34 56"), video(), text("78 9"))], [three]
    yield "an angle before", [user(text("a <"), video(), text("> b"))], [three]
    yield ("two videos, side by side", [user(video(0), video(1), text("compare"))],
           [three, clip(10.0, [0, 15], (90, 160))])
    yield ("two videos, words between", [user(video(0), text("or"), video(1))],
           [clip(30.0, [0, 299]), clip(1.0, [5], (400, 400))])
    yield "a larger budget", [user(text("read the sign"), video())], [clip(5.0, [0, 7])], (), 140
    yield ("images beside videos",
           [user(image(0), text("then"), video(0), image(1), video(1), text("what changed?"))],
           [three, clip(24.0, [0, 24])], [(64, 48), (48, 64)])
    yield ("a video in history",
           [user(video(0), text("what is it?")),
            {"role": "assistant", "content": "a red ball "},
            user(text("and here? "), video(1))],
           [three, clip(2.0, [1])])
    yield ("in the model's own words",
           [user(text("hello")), {"role": "assistant", "content": [text("see \n"), video()]},
            user(text("more"))], [three])
    call = {"id": "c0", "type": "function", "function": {"name": "see", "arguments": {}}}
    yield ("in the result of a tool",
           [user(text("watch the gate")), {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c0", "content": [text("at the gate "), video()]}],
           [three])


def written(name, messages, videos, images=(), budget=70):
    processor = ToyProcessor()
    rendered = processor.apply_chat_template(
        as_transformers_reads(messages), tokenize=False, add_generation_prompt=True)
    metadata = [{"total_num_frames": v["indices"][-1] + 1, "fps": v["fps"],
                 "frames_indices": v["indices"]} for v in videos]
    frames = [np.zeros((len(v["indices"]), *reversed(v["size"]), 3), np.uint8) for v in videos]
    pictures = [np.zeros((height, width, 3), np.uint8) for width, height in images]
    out = processor(text=rendered, videos=frames, images=[pictures] if pictures else None,
                    videos_kwargs={"video_metadata": metadata, "do_sample_frames": False,
                                   "max_soft_tokens": budget})
    made = {kind: [r["replacement"] for r in processor.replacements if r["type"] == kind]
            for kind in ("image", "video")}
    for given, replacement in zip(videos, made["video"], strict=True):
        given["budget"] = budget
        given["soft_tokens"] = replacement.count("<|video|>") // len(given["indices"])
        given["stamps"] = re.findall(r"(\d+:\d+) <\|image>", replacement)
        assert len(given["stamps"]) == len(given["indices"])
    pictures = [{"size": size, "budget": 70, "soft_tokens": replacement.count("<|image|>")}
                for size, replacement in zip(images, made["image"], strict=True)]
    return {"name": name, "messages": messages, "images": pictures, "videos": videos,
            "rendered": rendered, "expanded": processor.expanded, "ids": out["input_ids"][0]}


def main():
    transformers.logging.set_verbosity_error()
    found = [json.dumps(written(*case), ensure_ascii=False) for case in cases()]
    head = json.dumps({"transformers": transformers.__version__})[:-1]
    path = pathlib.Path(sys.argv[1]) / "video_prompts.json"
    path.write_text(head + ', "cases": [\n' + ",\n".join(found) + "\n]}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
