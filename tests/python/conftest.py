"""A small model with a tokenizer and a chat template, made in a second, for every test that needs one."""

import json
import sys
from pathlib import Path

import pytest
import whorl

# Helpers of the tests stand beside them; the import mode of the runner puts no folder on the path.
sys.path.insert(0, str(Path(__file__).parent))

WORDS = [
    "hello",
    "world",
    "order",
    "where",
    "is",
    "my",
    "the",
    "a",
    "b",
    "c",
    "d",
    "e",
    "yes",
    "no",
    "{",
    "}",
    '"',
    ":",
]
TEMPLATE = (
    "{% for m in messages %}{{ '<s>' + m.role + ' ' + (m.content or '') + '</s>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<s>assistant ' }}{% endif %}"
)


def write_tokenizer(folder):
    folder.mkdir(parents=True, exist_ok=True)
    special = ["<s>", "</s>", "<unk>"]
    words = [*special, "system", "user", "assistant", "tool", " ", *WORDS]
    added = [
        {
            "id": i,
            "content": t,
            "special": True,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
        }
        for i, t in enumerate(special)
    ]
    tokenizer = {
        "version": "1.0",
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Split",
            "pattern": {"String": " "},
            "behavior": "Isolated",
            "invert": False,
        },
        "post_processor": None,
        "decoder": {"type": "Fuse"},
        "model": {"type": "WordLevel", "unk_token": "<unk>", "vocab": {w: i for i, w in enumerate(words)}},
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    config = {"eos_token": "</s>", "bos_token": "<s>", "unk_token": "<unk>", "chat_template": TEMPLATE}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="session")
def tokenizer_folder(tmp_path_factory):
    return write_tokenizer(tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture(scope="session")
def model(tokenizer_folder):
    config = whorl.ModelConfig(
        vocab_size=32,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        eos_token_ids=[1],
    )
    return whorl.Model.create(config, seed=1, tokenizer_folder=tokenizer_folder)


@pytest.fixture(scope="session")
def rows():
    return [
        {
            "messages": [
                {"role": "user", "content": f"where is my {w}"},
                {"role": "assistant", "content": f"the {w} is {w}"},
            ]
        }
        for w in WORDS[:12]
    ]


@pytest.fixture(scope="session")
def data(rows):
    return whorl.Dataset.from_list(rows)


@pytest.fixture(scope="session")
def trained(model, data):
    options = whorl.TrainOptions(max_steps=6, max_length=32, seed=3)
    adapters = [
        whorl.LoraOptions(name="r2", rank=2),
        whorl.LoraOptions(name="r4", rank=4, learning_rate=1e-2),
    ]
    return whorl.Trainer(model, adapters, options=options).fit(data)


@pytest.fixture
def engine(model):
    with whorl.InferenceEngine(model) as made:
        yield made
