"""Live comparisons with PyTorch, transformers and PEFT. They need the environment of requirements.txt."""

import json
import os
import sys
from pathlib import Path

import pytest

for needed in ("torch", "transformers", "peft", "whorl"):
    pytest.importorskip(needed, reason=f"{needed} is not installed here: run `make parity`")

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).resolve().parent))


@pytest.fixture(scope="session")
def shared_data():
    folder = Path(os.environ.get("WHORL_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("the shared data folder is not here (set WHORL_SHARED_DATA)")
    return folder


# Narrow, but with every part of its family: biases, head norms, grouped heads, a window, scaled rope.
SHAPE = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 512,
    "eos_token_id": 2,
    "bos_token_id": 1,
    "tie_word_embeddings": False,
}
FAMILIES = {
    "llama": ("LlamaConfig", {}),
    "llama_rope": (
        "LlamaConfig",
        {
            "rope_parameters": {
                "rope_type": "llama3",
                "rope_theta": 10000.0,
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 64,
            }
        },
    ),
    "mistral": ("MistralConfig", {"sliding_window": 9}),
    "qwen2": ("Qwen2Config", {}),
    "qwen3": ("Qwen3Config", {}),
}


@pytest.fixture(scope="session", params=list(FAMILIES))
def checkpoint(request, tmp_path_factory):
    """A random model as today's transformers saves it."""
    import torch
    import transformers

    name, changes = FAMILIES[request.param]
    torch.manual_seed(5)
    config = getattr(transformers, name)(vocab_size=160, **SHAPE, **changes)
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    with torch.no_grad():
        for key, p in model.named_parameters():
            p.copy_(1 + 0.1 * torch.randn(p.shape) if "norm" in key else 0.1 * torch.randn(p.shape))
    folder = tmp_path_factory.mktemp(request.param)
    model.save_pretrained(folder)
    return folder


def read_jsonl(path):
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines() if line]
