"""PyTorch + PEFT beside Whorl's training: the same weights, the same rows, one of several settings."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import whorl_side

# How it computes, and the precision of the base. Autocast is PyTorch's mixed precision over bfloat16.
SETTINGS = [
    "eager-float32",
    "eager-bfloat16",
    "autocast-float32",
    "autocast-bfloat16",
    "compiled-float32",
    "compiled-bfloat16",
    "compiled-autocast",
]
# Compiling does not change how these multiply: where the eager one takes too long, so do they.
SAME_PRODUCTS = {"compiled-bfloat16": "eager-bfloat16", "compiled-autocast": "autocast-bfloat16"}


def is_eager(setting: str) -> bool:
    return not setting.startswith("compiled")


def torch_device(device: str) -> str:
    """Where PyTorch computes beside Whorl's `device`: a device that is emulated is the host."""
    return "cpu" if device == "cuda_emulated" else device


def wait_for(torch: Any, device: str) -> None:
    """Until everything that was queued is done; the host itself queues nothing."""
    if device != "cpu":
        torch.cuda.synchronize(device)


def load_model(folder: Path, dtype: Any, device: str) -> Any:
    """On the device at once, so that no copy of it stays in the host's memory."""
    import transformers

    transformers.utils.logging.disable_progress_bar()
    there = {} if device == "cpu" else {"device_map": {"": device}}
    return transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, attn_implementation="sdpa", **there
    )


class Torch:
    def __init__(
        self, folder: Path, setting: str, shape: str, rank: int, threads: int, device: str = "cpu"
    ) -> None:
        import peft
        import torch

        if threads:
            torch.set_num_threads(threads)
        mode, precision = setting.split("-")
        self.autocast = "autocast" in setting
        self.torch, self.shape, self.device = torch, shape, torch_device(device)
        self.on_gpu = self.device != "cpu"
        if self.on_gpu:
            # As PyTorch itself advises: products of float32, which adapters are, on the tensor cores too.
            torch.set_float32_matmul_precision("high")
        dtype = torch.bfloat16 if precision in ("bfloat16", "autocast") else torch.float32
        self.base = load_model(folder, dtype, self.device)
        lora = peft.LoraConfig(r=rank, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM")
        self.model = peft.get_peft_model(self.base, lora)
        self.model.train()
        self.forward = torch.compile(self.model) if mode == "compiled" else self.model
        self.at = 0
        self.restart()

    def restart(self) -> None:
        """A run from the beginning: fresh B and a fresh optimizer; what was compiled stays."""
        with self.torch.no_grad():
            for name, p in self.model.named_parameters():
                if "lora_B" in name:
                    p.zero_()
        trained = [p for p in self.model.parameters() if p.requires_grad]
        fused = {"fused": True} if self.on_gpu else {}
        self.optimizer = self.torch.optim.AdamW(trained, lr=1e-4, weight_decay=0.0, **fused)

    def rows(self, batch: int, seq: int) -> None:
        self.batch = batch
        self.ids = self.torch.tensor(whorl_side.token_rows(self.shape, seq, 4 * batch), device=self.device)

    def loss(self, model: Any, ids: Any) -> Any:
        with self.torch.autocast(self.device.partition(":")[0], self.torch.bfloat16, enabled=self.autocast):
            return model(input_ids=ids, labels=ids).loss

    def step(self) -> None:
        begin = (self.at * self.batch) % len(self.ids)
        self.at += 1
        self.loss(self.forward, self.ids[begin : begin + self.batch]).backward()
        self.torch.nn.utils.clip_grad_norm_(self.optimizer.param_groups[0]["params"], 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()

    def round(self, steps: int) -> float:
        """Tokens per second of so many steps. A GPU's memory is given back between rounds, for whoever else works there;
        a step that does not count takes it again."""
        if self.on_gpu:
            self.step()
            wait_for(self.torch, self.device)
        begin = time.perf_counter()
        for _ in range(steps):
            self.step()
        wait_for(self.torch, self.device)
        seconds = time.perf_counter() - begin
        if self.on_gpu:
            self.torch.cuda.empty_cache()
        return steps * self.batch * self.ids.shape[1] / seconds

    def device_bytes(self) -> int:
        """The most that PyTorch held of the GPU's memory, without what the driver takes for a process."""
        return self.torch.cuda.max_memory_reserved(self.device) if self.on_gpu else 0

    def check(self, adapter: Path, rows: int, seq: int) -> tuple[float, float]:
        """(loss, norm of the gradient) over the rows of Training.check with the adapter that it wrote."""
        self.model.load_adapter(str(adapter), adapter_name="check", is_trainable=True)
        self.model.set_adapter("check")
        ids = self.torch.tensor(whorl_side.token_rows(self.shape, seq, rows), device=self.device)
        loss = self.loss(self.model, ids)
        loss.backward()
        found = [p for n, p in self.model.named_parameters() if ".check." in n and p.grad is not None]
        norm = sum(float(p.grad.double().square().sum()) for p in found) ** 0.5
        self.model.set_adapter("default")
        self.model.delete_adapter("check")
        return float(loss.detach()), norm
