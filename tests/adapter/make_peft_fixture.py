"""Makes tests/adapter/fixtures: tiny adapters written by PEFT itself, with the tensors' values beside them.

    python tests/adapter/make_peft_fixture.py     (needs torch, transformers, peft)

Random weights from a fixed seed; a few kilobytes. What PEFT resolves (rank, scale per module) goes into
expected.json, so that the C++ test can compare without PEFT.
"""

import json
import shutil
from pathlib import Path

import peft
import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

FOLDER = Path(__file__).parent / "fixtures"

CASES = {
    "plain": dict(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"]),
    "all_linear_rslora": dict(r=4, lora_alpha=6, target_modules="all-linear", use_rslora=True),
    "regex": dict(r=2, lora_alpha=3, target_modules=r".*\.layers\.1\.(self_attn\.[qk]_proj|mlp\.up_proj)"),
    "patterns": dict(
        r=4,
        lora_alpha=8,
        target_modules=["q_proj", "o_proj", "down_proj"],
        rank_pattern={"q_proj": 2, r"layers\.1\.self_attn\.o_proj": 3},
        alpha_pattern={"model.layers.0.mlp.down_proj": 5},
    ),
    "layers": dict(
        r=2,
        lora_alpha=4,
        target_modules=["k_proj", "gate_proj"],
        layers_to_transform=[1],
        layers_pattern="layers",
    ),
    "excluded": dict(
        r=2, lora_alpha=2, target_modules=["q_proj", "v_proj"], exclude_modules=["layers.0.self_attn.v_proj"]
    ),
}


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    config = LlamaConfig(
        vocab_size=16,
        hidden_size=8,
        intermediate_size=12,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        tie_word_embeddings=False,
    )
    expected = {"peft_version": peft.__version__, "linears": {}, "cases": {}}
    for name, options in CASES.items():
        torch.manual_seed(sum(name.encode()))
        base = LlamaForCausalLM(config)
        expected["linears"] = {
            n: list(m.weight.shape) for n, m in base.named_modules() if isinstance(m, torch.nn.Linear)
        }
        model = get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", init_lora_weights=False, **options))
        model.save_pretrained(FOLDER / name)
        (FOLDER / name / "README.md").unlink(missing_ok=True)
        modules = {}
        for module_name, module in model.base_model.model.named_modules():
            if hasattr(module, "lora_A"):
                delta = module.get_delta_weight("default").double()
                modules[module_name] = {
                    "rank": module.r["default"],
                    "scale": module.scaling["default"],
                    "delta_norm": delta.norm().item(),
                    "a_sum": module.lora_A["default"].weight.double().sum().item(),
                    "b_sum": module.lora_B["default"].weight.double().sum().item(),
                }
        expected["cases"][name] = modules
    (FOLDER / "expected.json").write_text(json.dumps(expected, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
