"""transformers' own generation beside Whorl's decoding: the same weights, the same prompts, greedy tokens."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch_peer

# How keys and values are kept. A static cache has one size, so on a GPU transformers compiles the step over it. Here the same
# one serves every call: with a new one, graphs that were recorded over the old one would be recorded again.
CACHES = ["dynamic", "static"]


class Generation:
    def __init__(self, folder: Path, dtype: str, threads: int, device: str) -> None:
        import torch

        if threads:
            torch.set_num_threads(threads)
        self.torch, self.device = torch, torch_peer.torch_device(device)
        self.model = torch_peer.load_model(folder, getattr(torch, dtype), self.device)
        self.model.eval()
        self.model.generation_config.eos_token_id = None  # every row goes on to its last token
        self.model.generation_config.pad_token_id = 0
        self.static: dict[tuple[int, int], Any] = {}

    def tensor(self, rows: list[list[int]]) -> Any:
        return self.torch.tensor(rows, device=self.device)

    def logits(self, ids: list[int], adapter: Path | None) -> Any:
        """[len(ids), vocabulary]"""
        model = self.model
        if adapter:
            import peft

            model = peft.PeftModel.from_pretrained(self.model, str(adapter))
        with self.torch.no_grad():
            found = model(self.tensor([ids])).logits[0].float().cpu().numpy()
        if adapter:
            self.model = model.unload()
        return found

    def round_weights(self) -> None:
        """From float32 to the bfloat16 that they were stored in; tables that are no weights stay as they are."""
        for parameter in self.model.parameters():
            parameter.data = parameter.data.to(self.torch.bfloat16)

    def cache_options(self, cache: str, streams: int, tokens: int) -> dict[str, Any]:
        import transformers

        if cache != "static":
            return {}
        if (streams, tokens) not in self.static:
            made = transformers.StaticCache(config=self.model.config, max_cache_len=tokens)
            self.static[streams, tokens] = made
        self.static[streams, tokens].reset()
        return {"past_key_values": self.static[streams, tokens]}

    def decode_rate(self, prompts: list[list[int]], new: int, cache: str) -> float:
        """Generated tokens a second after every row has its first."""
        import transformers

        times: list[float] = []

        class Clock(transformers.StoppingCriteria):
            def __call__(clock, ids: Any, *_: Any, **__: Any) -> Any:
                torch_peer.wait_for(self.torch, self.device)
                times.append(time.perf_counter())
                return self.torch.zeros(ids.shape[0], dtype=self.torch.bool, device=ids.device)

        ids = self.tensor(prompts)
        with self.torch.no_grad():
            self.model.generate(
                ids,
                attention_mask=self.torch.ones_like(ids),
                do_sample=False,
                max_new_tokens=new,
                stopping_criteria=transformers.StoppingCriteriaList([Clock()]),
                **self.cache_options(cache, len(prompts), len(prompts[0]) + new),
            )
        if len(times) != new:
            raise SystemExit(f"expected {new} steps of transformers, got {len(times)}")
        return len(prompts) * (new - 1) / (times[-1] - times[0])
