"""Makes the base model of `whorl demo` from nothing: tokenizer, corpus, training of all weights, bfloat16, scores.

    pip install -r recipes/base/requirements.txt
    python recipes/base/make_base.py --out build/demo_base

It can be killed at any time: the same command goes on from the last checkpoint.
"""

import argparse
import json
import shutil
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import card  # noqa: E402
import corpus  # noqa: E402
import score  # noqa: E402
import tokenizer as base_tokenizer  # noqa: E402
import whorl  # noqa: E402

SHAPE = {
    "vocab_size": 1536,
    "hidden_size": 128,
    "intermediate_size": 384,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "tie_word_embeddings": True,
    "initializer_range": 0.08,
}
TRAINING = {
    "epochs": 1,
    "batch_tokens": 4096,
    "max_length": 512,
    "learning_rate": 3e-3,
    "weight_decay": 0.1,
    "beta2": 0.98,
    "warmup_steps": 100,
    "min_lr_ratio": 0.05,
}


def write_tokenizer(rows: list[dict], folder: Path) -> None:
    """tokenizer.json, its configuration and the chat template, as Hugging Face lays them out."""
    texts = [message["content"] for row in rows for message in row["messages"]]
    texts += [
        json.dumps(
            {"name": call["function"]["name"], "arguments": call["function"]["arguments"]}, ensure_ascii=False
        )
        for row in rows
        for message in row["messages"]
        for call in message.get("tool_calls", [])
    ]
    texts += [
        f"{tool['function']['name']}({', '.join(tool['function']['parameters']['properties'])})\n"
        for row in rows
        for tool in row.get("tools", [])
    ]
    trained = base_tokenizer.train(texts, SHAPE["vocab_size"])
    base_tokenizer.save(trained, folder)
    end = trained.token_to_id("<|im_end|>")
    configuration = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "model_max_length": SHAPE["max_position_embeddings"],
        "clean_up_tokenization_spaces": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(configuration, indent=2) + "\n")
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": end}, indent=2) + "\n")
    shutil.copy(HERE / "chat_template.jinja", folder / "chat_template.jinja")


def tell(progress: whorl.Progress) -> None:
    if progress.step % 20 == 0 or progress.event != "step":
        print(
            f"{progress.event} {progress.step}/{progress.total_steps} loss {progress.loss:.4f} "
            f"validation {progress.validation_loss:.4f} {progress.tokens_per_second:,.0f} tokens/s "
            f"{progress.seconds:.0f} s, {progress.seconds_left:.0f} s left",
            flush=True,
        )


def train(rows: list[dict], folder: Path, checkpoints: Path, seed: int) -> whorl.FullTrainResult:
    ids = json.loads((folder / "generation_config.json").read_text())
    config = whorl.ModelConfig(eos_token_ids=[ids["eos_token_id"]], **SHAPE)
    fresh = whorl.Model.create(config, seed, folder)
    valid = whorl.Dataset.from_list(corpus.rows(300, seed + 1), "validation")
    return whorl.train_all_weights(
        fresh,
        whorl.Dataset.from_list(rows, "corpus"),
        valid,
        callback=tell,
        seed=seed,
        checkpoint_dir=checkpoints,
        resume=True,
        save_steps=200,
        eval_steps=500,
        **TRAINING,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the finished base")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--rows", type=int, default=110_000, help="conversations of the corpus; each is seen once"
    )
    chosen = parser.parse_args()
    work = chosen.out.with_name(chosen.out.name + ".work")
    start = time.perf_counter()
    rows = corpus.rows(chosen.rows, chosen.seed)
    write_tokenizer(rows[:3000], work / "tokenizer")
    print(f"{len(rows)} conversations after {time.perf_counter() - start:.0f} s", flush=True)
    trained = train(rows, work / "tokenizer", work / "checkpoints", chosen.seed)
    trained.model.save(chosen.out, dtype="bfloat16")
    scores = score.score(chosen.out)
    card.write(chosen.out, chosen.rows, chosen.seed, trained.history[-1], scores)
    print(json.dumps(scores, indent=2))
    print(f"{chosen.out} after {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
