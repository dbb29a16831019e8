"""transformers in f32 with the rounding rules of a bf16 run, and what it computes on the way."""

import torch
from torch import nn


class Bf16ScaledEmbedding(nn.Module):
    """bf16(row * bf16(sqrt(hidden))): what a bf16 run feeds the first layer, kept as f32.

    transformers keeps the exact root in an f32 run, so an unpatched f32 model would state a rule
    that no published checkpoint was trained or served with.
    """

    def __init__(self, weight: torch.Tensor):
        super().__init__()
        self.weight = nn.Parameter(weight, requires_grad=False)
        root = torch.tensor(float(weight.shape[1]) ** 0.5)
        self.factor = root.to(torch.bfloat16).to(torch.float32)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        scaled = nn.functional.embedding(ids, self.weight) * self.factor
        return scaled.to(torch.bfloat16).to(torch.float32)


class Oracle:
    """A causal language model with hooks on every place that a golden file records."""

    def __init__(self, model: nn.Module):
        self.model = model.eval().to(torch.float32)
        self.model.set_attn_implementation("eager")
        if getattr(model.config.get_text_config(), "enable_moe_block", False):
            self.model.set_experts_implementation("eager")
        self.text = _text_model(model)
        self.text.embed_tokens = Bf16ScaledEmbedding(self.text.embed_tokens.weight.detach())
        self.seen: dict[str, torch.Tensor] = {}
        self._hook()

    def _record(self, name: str, pick=lambda output: output):
        def hook(_module, _inputs, output):
            self.seen[name] = pick(output).detach().reshape(-1, pick(output).shape[-1]).clone()
        return hook

    def _hook(self):
        first = lambda output: output[0] if isinstance(output, tuple) else output
        self.text.embed_tokens.register_forward_hook(self._record("hidden.embedding"))
        self.text.norm.register_forward_hook(self._record("hidden.final_norm"))
        for i, layer in enumerate(self.text.layers):
            layer.register_forward_hook(self._record(f"hidden.layer.{i}", first))
            layer.self_attn.register_forward_hook(self._record(f"layer.{i}.attention", first))
            layer.mlp.register_forward_hook(self._record(f"layer.{i}.dense"))
            if hasattr(layer, "experts"):
                layer.experts.register_forward_hook(self._record(f"layer.{i}.moe"))
                for name, index in (("probabilities", 0), ("weights", 1), ("ids", 2)):
                    layer.router.register_forward_hook(
                        self._record(f"router.{i}.{name}", lambda output, at=index: output[at]))

    @torch.no_grad()
    def logits(self, ids: list[int]) -> torch.Tensor:
        """[tokens, vocabulary], after the softcap; fills `seen`."""
        self.seen.clear()
        output = self.model(input_ids=torch.tensor([ids]), use_cache=False)
        return output.logits[0].float()

    def router_gap(self) -> float:
        """The smallest distance between the last chosen expert and the first one left out."""
        gaps = [1.0]
        for name, probabilities in self.seen.items():
            if name.startswith("router.") and name.endswith(".probabilities"):
                chosen = self.seen[name.replace("probabilities", "ids")].shape[-1]
                ranked = probabilities.sort(dim=-1, descending=True).values
                gaps.append(float((ranked[:, chosen - 1] - ranked[:, chosen]).min()))
        return min(gaps)

    def greedy(self, prompt: list[int], count: int, give_up_gap: float = 0.0
               ) -> tuple[list[int], list[float], float]:
        """Continuation without any cache: ids, the lead of each winner, the worst router gap.

        Ends early at a lead below give_up_gap: that path is of no use.
        """
        ids, gaps, router = list(prompt), [], 1.0
        for _ in range(count):
            top = self.logits(ids)[-1].topk(2)
            gaps.append(float(top.values[0] - top.values[1]))
            router = min(router, self.router_gap())
            ids.append(int(top.indices[0]))
            if gaps[-1] < give_up_gap:
                break
        return ids[len(prompt):], gaps, router


def _text_model(model: nn.Module) -> nn.Module:
    inner = model.model
    return inner.language_model if hasattr(inner, "language_model") else inner
