"""Writes tests/golden/gemma3-270m/logprobs.json: real weights, six scripts, transformers in f32.

usage: gemma3_270m_logprobs.py GEMMA3_270M.gguf OUT.json     (see README.md)
The file's weights are dequantised, so an engine that reads the same file must agree closely.
"""

import json
import os
import sys

import gguf
import numpy as np
import torch
import transformers
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers
from transformers import Gemma3ForCausalLM, Gemma3TextConfig

from oracle import Oracle
from toy_gguf import gguf_name

GREEDY_TOKENS = 20
SPACE = "\u2581"

TEXTS = {
    "latin": (
        "The lighthouse stood at the end of a long stone pier, and every evening the keeper "
        "climbed its ninety-two steps with a can of oil. In winter the waves broke over the wall "
        "and froze on the iron rail. Ships that came from the north looked for the white beam "
        "first, then for the small red lamp beside it, which marked the safe side of the channel. "
        "When the railway reached the town in 1871, the fishermen began to sell their catch"),
    "cyrillic": (
        "Рано утром мы вышли из деревни и пошли вдоль реки к старой мельнице. Над водой стоял "
        "густой туман, и другого берега почти не было видно. Мой брат нёс корзину с хлебом и "
        "яблоками, а я держал фонарь. Мельник уже не работал, но каждую весну чинил крышу и "
        "рассказывал нам о том, как"),
    "greek": (
        "Το μικρό καφενείο βρίσκεται στην πλατεία του χωριού, κάτω από ένα μεγάλο πλατάνι. Κάθε "
        "απόγευμα οι ηλικιωμένοι κάθονται εκεί, πίνουν καφέ και μιλούν για τον καιρό, τα χωράφια "
        "και τα παιδιά τους που ζουν στην πόλη. Το καλοκαίρι έρχονται πολλοί"),
    "arabic": (
        "تقع المدينة القديمة على ضفة النهر، وتحيط بها أسوار عالية بناها السكان قبل مئات السنين. "
        "في الصباح يفتح التجار دكاكينهم، ويبيعون الخبز والتمر والأقمشة الملونة. ويجلس الأطفال قرب "
        "الباب الكبير وينتظرون عودة القوافل من"),
    "devanagari": (
        "हमारे गाँव के पास एक छोटी नदी बहती है। बरसात के दिनों में उसका पानी बहुत बढ़ जाता है और "
        "लोग नाव से उस पार जाते हैं। मेरी दादी कहती हैं कि पहले यहाँ एक पुल था, लेकिन एक बार बाढ़ "
        "आई और वह टूट गया। अब सरकार ने"),
    "chinese-japanese": (
        "山脚下有一座很老的茶馆,门前种着两棵银杏树。每到秋天,黄色的叶子落满院子,客人们坐在木桌旁"
        "喝茶、下棋、谈论今年的收成。老板说,这座房子是他的祖父在一百年前建造的。"
        "駅から海までは歩いて十分ほどかかります。夏になると、町の人たちは夜の浜辺に集まり、花火を"
        "見ながら冷たい西瓜を食べます。私が子供のころ、祖母は"),
}


def build_model(reader: gguf.GGUFReader) -> Gemma3ForCausalLM:
    def key(name: str):
        return reader.get_field(f"gemma3.{name}").contents()

    # The file leaves out what is the same for the family: local rope base, pattern, query scale.
    config = Gemma3TextConfig(
        vocab_size=len(reader.get_field("tokenizer.ggml.tokens").data),
        hidden_size=key("embedding_length"), num_hidden_layers=key("block_count"),
        intermediate_size=key("feed_forward_length"),
        num_attention_heads=key("attention.head_count"),
        num_key_value_heads=key("attention.head_count_kv"), head_dim=key("attention.key_length"),
        rms_norm_eps=1e-6, sliding_window=key("attention.sliding_window"),
        max_position_embeddings=key("context_length"),
        query_pre_attn_scalar=key("attention.key_length"),
        rope_parameters={
            "sliding_attention": {"rope_type": "default", "rope_theta": 10_000.0},
            "full_attention": {"rope_type": "default", "rope_theta": key("rope.freq_base")}})
    model = Gemma3ForCausalLM(config)
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    for name, parameter in model.state_dict().items():
        if name == "lm_head.weight":
            continue
        tensor = tensors.pop(gguf_name(name))
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        shift = 1.0 if "norm" in name else 0.0
        parameter.copy_(torch.from_numpy(values.reshape(parameter.shape).copy()) - shift)
    assert not tensors, f"unused tensors: {sorted(tensors)[:4]}"
    model.tie_weights()
    return model


def build_tokenizer(reader: gguf.GGUFReader) -> Tokenizer:
    """BPE with the file's pieces; merges by score, as in Gemma's tokenizer.json."""
    tokens = reader.get_field("tokenizer.ggml.tokens").contents()
    scores = reader.get_field("tokenizer.ggml.scores").contents()
    kinds = reader.get_field("tokenizer.ggml.token_type").contents()
    normal = [i for i, kind in enumerate(kinds) if kind == 1]
    known = {tokens[i] for i in normal}
    merges = []
    for i in sorted(normal, key=lambda i: -scores[i]):
        piece = tokens[i]
        merges += [(piece[:cut], piece[cut:]) for cut in range(1, len(piece))
                   if piece[:cut] in known and piece[cut:] in known]
    tokenizer = Tokenizer(models.BPE(
        vocab={token: i for i, token in enumerate(tokens)}, merges=merges, unk_token="<unk>",
        fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", SPACE)
    tokenizer.add_tokens([AddedToken(tokens[i], normalized=False)
                          for i, kind in enumerate(kinds) if kind == 4])
    tokenizer.decoder = decoders.Sequence([decoders.Replace(SPACE, " "), decoders.ByteFallback(),
                                           decoders.Fuse()])
    return tokenizer


def cached_greedy(oracle: Oracle, ids: list[int], count: int) -> tuple[list[int], list[float]]:
    """As Oracle.greedy, with a cache: real sizes."""
    output = oracle.model.generate(torch.tensor([ids]), do_sample=False, max_new_tokens=count,
                                   eos_token_id=None, output_logits=True,
                                   return_dict_in_generate=True)
    tops = [step[0].topk(2).values for step in output.logits]
    return output.sequences[0, len(ids):].tolist(), [float(top[0] - top[1]) for top in tops]


def main() -> None:
    torch.set_num_threads(1)
    reader = gguf.GGUFReader(sys.argv[1])
    oracle = Oracle(build_model(reader))
    tokenizer = build_tokenizer(reader)
    bos = reader.get_field("tokenizer.ggml.bos_token_id").contents()
    entries = []
    for script, text in TEXTS.items():
        ids = [bos] + tokenizer.encode(text).ids
        logprobs = torch.log_softmax(oracle.logits(ids).double(), dim=-1)
        picked = [float(logprobs[at, ids[at + 1]]) for at in range(len(ids) - 1)]
        greedy, gaps = cached_greedy(oracle, ids, GREEDY_TOKENS)
        entries.append({
            "script": script, "text": text, "ids": ids,
            "logprobs": [round(value, 7) for value in picked],
            "greedy_ids": greedy, "greedy_gaps": [round(gap, 6) for gap in gaps],
            "greedy_text": tokenizer.decode(greedy)})
        print(script, len(ids), f"mean {sum(picked) / len(picked):.4f}, gap {min(gaps):.4f}",
              repr(entries[-1]["greedy_text"]), flush=True)
    os.makedirs(os.path.dirname(sys.argv[2]) or ".", exist_ok=True)
    with open(sys.argv[2], "w", encoding="utf-8") as out:
        out.write('{\n "model": "gemma3-270m.gguf",\n "about": "logprobs[i] belongs to ids[i + 1]; '
                  f'transformers {transformers.__version__}, f32, weights dequantised",\n')
        rows = ",\n".join(" " + json.dumps(entry, ensure_ascii=False) for entry in entries)
        out.write(f' "texts": [\n{rows}\n ]\n}}\n')


if __name__ == "__main__":
    main()
