"""Makes tests/golden: toy checkpoints of every family with what transformers and PEFT compute from them.

    python tests/parity/make_goldens.py        (in an environment of tests/parity/requirements.txt)

Weights are stored in bfloat16, so that the same files serve the float32 tests (loaded wide, exactly) and the
bfloat16 ones. Everything is seeded; running it again gives the same numbers up to the rounding of another CPU.
"""

import json
import shutil
from pathlib import Path

import peft
import torch
import transformers
from safetensors.torch import load_file, save_file

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
SHAPE = {
    "vocab_size": 128,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "rms_norm_eps": 1e-5,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "tie_word_embeddings": False,
}
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
# name: (configuration class, what differs, whose weights, LoRA settings or None)
CASES = {
    "llama": (transformers.LlamaConfig, {}, None, {"r": 4, "lora_alpha": 8}),
    "llama_bias": (transformers.LlamaConfig, {"attention_bias": True}, None, None),
    "llama_tied": (transformers.LlamaConfig, {"tie_word_embeddings": True}, "llama", None),
    "llama_rope_linear": (
        transformers.LlamaConfig,
        {"rope": {"rope_type": "linear", "factor": 4.0}},
        "llama",
        None,
    ),
    "llama_rope_llama3": (transformers.LlamaConfig, {"rope": LLAMA3}, "llama", {"r": 4, "lora_alpha": 8}),
    "mistral": (
        transformers.MistralConfig,
        {"sliding_window": 7, "head_dim": 16},
        "llama",
        {"r": 4, "lora_alpha": 8},
    ),
    "qwen2": (transformers.Qwen2Config, {}, None, {"r": 3, "lora_alpha": 8, "use_rslora": True}),
    "qwen3": (transformers.Qwen3Config, {"head_dim": 24}, None, {"r": 4, "lora_alpha": 8}),
}
LENGTHS = (24, 17, 9)
STEPS = 10
LORA_LR, LORA_DECAY, FULL_LR, FULL_DECAY, CLIP = 1e-2, 0.01, 1e-3, 0.1, 1.0


def make_config(cls, changes):
    changes = dict(changes)
    rope = changes.pop("rope", None)
    parameters = {"rope_type": "default", "rope_theta": 10000.0, **(rope or {})}
    return cls(**{**SHAPE, **changes}, rope_parameters=parameters, attn_implementation="eager")


def plain_config(config, changes):
    """config.json as transformers 4 wrote it, which everybody reads."""
    rope = changes.get("rope")
    out = dict(SHAPE.items()) | {k: v for k, v in changes.items() if k != "rope"}
    out |= {
        "architectures": [type(config).__name__.replace("Config", "ForCausalLM")],
        "model_type": config.model_type,
        "hidden_act": "silu",
        "rope_theta": 10000.0,
        "rope_scaling": rope,
        "torch_dtype": "bfloat16",
    }
    return out


def random_weights(model, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=generator)
            value = 1 + 0.1 * noise if "norm" in name else 0.1 * noise
            p.copy_(value.to(torch.bfloat16).to(p.dtype))


def build(config, weights, dtype):
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    missing, unexpected = model.load_state_dict({k: v.float() for k, v in weights.items()}, strict=False)
    assert not [m for m in missing if m != "lm_head.weight"], missing
    assert not [u for u in unexpected if u != "lm_head.weight"], unexpected
    model.tie_weights()
    return model.to(dtype).eval()


def rows():
    generator = torch.Generator().manual_seed(7)
    out = []
    for length in LENGTHS:
        ids = torch.randint(3, SHAPE["vocab_size"], (length,), generator=generator)
        trained = torch.rand(length, generator=generator) < 0.6
        trained[-1] = True
        out.append((ids, trained))
    return out


def loss_of(model, data):
    """Sum over trained tokens of all rows divided by their number; every row by itself."""
    total, count = 0, 0
    for ids, trained in data:
        logits = model(input_ids=ids[None]).logits[0].float()
        targets = torch.where(trained[1:], ids[1:], -100)
        total = total + torch.nn.functional.cross_entropy(
            logits[:-1], targets, ignore_index=-100, reduction="sum"
        )
        count += int(trained[1:].sum())
    return total / count


def steps(model, groups, lr, data):
    parameters = [p for g in groups for p in g["params"]]
    optimizer = torch.optim.AdamW(groups, lr=lr)
    losses, norms = [], []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of(model, data)
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(parameters, CLIP))
        optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses), torch.stack(norms)


def lora_golden(folder, model, settings, data, tensors):
    torch.manual_seed(11)
    config = peft.LoraConfig(
        task_type="CAUSAL_LM", target_modules="all-linear", init_lora_weights=False, **settings
    )
    adapted = peft.get_peft_model(model, config)
    generator = torch.Generator().manual_seed(13)
    with torch.no_grad():
        for name, p in adapted.named_parameters():
            if "lora_" in name:
                p.copy_(0.1 * torch.randn(p.shape, generator=generator))
    adapted.save_pretrained(folder / "adapter")
    (folder / "adapter" / "README.md").unlink(missing_ok=True)
    tensors["adapter_logits"] = adapted(input_ids=data[0][0][None]).logits[0].detach()
    loss = loss_of(adapted, data)
    loss.backward()
    for name, p in adapted.named_parameters():
        if p.grad is not None:
            tensors["grad." + name.replace(".default", "")] = p.grad.clone()
    tensors["loss"] = loss.detach()[None]
    trained = [p for p in adapted.parameters() if p.requires_grad]
    tensors["losses"], tensors["norms"] = steps(
        adapted, [{"params": trained, "weight_decay": LORA_DECAY}], LORA_LR, data
    )


def full_golden(model, data, tensors):
    decayed = [p for n, p in model.named_parameters() if p.dim() == 2]
    plain = [p for n, p in model.named_parameters() if p.dim() != 2]
    groups = [{"params": decayed, "weight_decay": FULL_DECAY}, {"params": plain, "weight_decay": 0.0}]
    tensors["full_losses"], tensors["full_norms"] = steps(model, groups, FULL_LR, data)


def make_case(name, seed, weights_of):
    cls, changes, base, settings = CASES[name]
    folder = GOLDEN / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    config = make_config(cls, changes)
    if base is None:
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        random_weights(model, seed)
        weights = {k: v.to(torch.bfloat16).contiguous() for k, v in model.state_dict().items()}
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        weights_of[name] = load_file(folder / "model.safetensors")
    weights = dict(weights_of[base or name])
    if changes.get("tie_word_embeddings"):
        weights.pop("lm_head.weight")
    (folder / "config.json").write_text(
        json.dumps(plain_config(config, changes), indent=2, sort_keys=True) + "\n"
    )

    data = rows()
    ids = data[0][0]
    tensors = {"ids": ids.to(torch.int32)}
    with torch.no_grad():
        tensors["logits"] = build(config, weights, torch.float32)(input_ids=ids[None]).logits[0]
        tensors["logits_float64"] = (
            build(config, weights, torch.float64)(input_ids=ids[None]).logits[0].float()
        )
        tensors["logits_bfloat16"] = (
            build(config, weights, torch.bfloat16)(input_ids=ids[None]).logits[0].float()
        )
    if settings is not None:
        lora_golden(folder, build(config, weights, torch.float32), settings, data, tensors)
    if name in ("llama", "llama_tied", "qwen2", "qwen3"):
        full_golden(build(config, weights, torch.float32), data, tensors)
    save_file({k: v.contiguous() for k, v in tensors.items()}, folder / "golden.safetensors")
    return base or name


def schedules():
    """Learning-rate factors of transformers' own schedules, 20 steps, 4 of them warm-up."""
    out = {}
    makers = {
        "cosine": lambda o: transformers.get_cosine_schedule_with_warmup(o, 4, 20),
        "linear": lambda o: transformers.get_linear_schedule_with_warmup(o, 4, 20),
        "constant": lambda o: transformers.get_constant_schedule_with_warmup(o, 4),
        "cosine_min": lambda o: transformers.get_cosine_with_min_lr_schedule_with_warmup(
            o, 4, 20, min_lr_rate=0.1
        ),
    }
    for name, make in makers.items():
        optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        schedule = make(optimizer)
        factors = []
        for _ in range(20):
            factors.append(schedule.get_last_lr()[0])
            optimizer.step()
            schedule.step()
        out[name] = factors
    return out


def main():
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    weights_of, index = {}, {}
    for seed, name in enumerate(CASES):
        index[name] = make_case(name, seed, weights_of)
        print(name)
    data = rows()
    (GOLDEN / "index.json").write_text(
        json.dumps(
            {
                "weights": index,
                "versions": {
                    "torch": torch.__version__.split("+")[0],
                    "transformers": transformers.__version__,
                    "peft": peft.__version__,
                },
                "rows": [{"ids": ids.tolist(), "trained": trained.int().tolist()} for ids, trained in data],
                "steps": STEPS,
                "lora_learning_rate": LORA_LR,
                "lora_weight_decay": LORA_DECAY,
                "full_learning_rate": FULL_LR,
                "full_weight_decay": FULL_DECAY,
                "max_grad_norm": CLIP,
                "schedules": schedules(),
            },
            indent=1,
        )
        + "\n"
    )


if __name__ == "__main__":
    main()
