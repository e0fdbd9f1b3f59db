"""The plainest correct LoRA trainer with PyTorch and PEFT: one row at a time, no padding, the loss of a step divided
by the trained tokens of that step."""

import math

import peft
import torch
import transformers


def collate(rows):
    return [(torch.tensor(ids), torch.tensor(trained, dtype=torch.bool)) for ids, trained in rows]


def summed_loss(model, ids, trained):
    logits = model(input_ids=ids[None]).logits[0].float()
    targets = torch.where(trained[1:], ids[1:], -100)
    return torch.nn.functional.cross_entropy(logits[:-1], targets, ignore_index=-100, reduction="sum")


def mean_loss(model, rows):
    model.eval()
    with torch.no_grad():
        total = sum(float(summed_loss(model, ids, trained)) for ids, trained in rows)
    return total / sum(int(trained[1:].sum()) for _, trained in rows)


def train(folder, rows, valid, *, rank, alpha, learning_rate, epochs, batch, seed=0):
    """Returns the validation loss before and after."""
    torch.manual_seed(seed)
    base = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    config = peft.LoraConfig(task_type="CAUSAL_LM", r=rank, lora_alpha=alpha, target_modules="all-linear")
    model = peft.get_peft_model(base, config)
    rows, valid = collate(rows), collate(valid)
    before = mean_loss(model, valid)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=learning_rate, weight_decay=0.0)
    total = epochs * math.ceil(len(rows) / batch)
    schedule = transformers.get_cosine_schedule_with_warmup(optimizer, 0, total)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        model.train()
        order = torch.randperm(len(rows), generator=generator).tolist()
        for start in range(0, len(order), batch):
            chosen = [rows[i] for i in order[start : start + batch]]
            count = sum(int(mask[1:].sum()) for _, mask in chosen)
            optimizer.zero_grad()
            for ids, mask in chosen:
                (summed_loss(model, ids, mask) / count).backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            schedule.step()
    return before, mean_loss(model, valid), model
