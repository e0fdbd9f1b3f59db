"""What transformers saves today, Whorl reads; what Whorl saves, transformers reads. The same logits."""

import peft
import pytest
import torch
import transformers
import whorl

IDS = [3, 17, 99, 4, 150, 31, 7, 7, 88, 120, 5, 61, 2, 9, 77, 140, 23, 54, 12, 101]


def theirs(folder, adapter=None, dtype=torch.float32):
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()
    if adapter is not None:
        model = peft.PeftModel.from_pretrained(model, adapter).eval()
    with torch.no_grad():
        return model(input_ids=torch.tensor([IDS])).logits[0].float().numpy()


def assert_close(ours, reference):
    assert ours.shape == reference.shape
    assert abs(ours - reference).max() <= 1e-4


def random_adapter(checkpoint, folder, **settings):
    torch.manual_seed(8)
    model = transformers.AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
    config = peft.LoraConfig(task_type="CAUSAL_LM", init_lora_weights=False, **settings)
    peft.get_peft_model(model, config).save_pretrained(folder)
    return folder


def test_a_folder_of_transformers(checkpoint):
    assert_close(whorl.Model.load(checkpoint).logits(IDS), theirs(checkpoint))


def test_a_folder_of_whorl(checkpoint, tmp_path):
    model = whorl.Model.load(checkpoint)
    model.save(tmp_path / "saved")
    assert_close(theirs(tmp_path / "saved"), theirs(checkpoint))
    model.save(tmp_path / "half", dtype="bfloat16")
    assert_close(whorl.Model.load(tmp_path / "half", dtype="float32").logits(IDS), theirs(tmp_path / "half"))


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("family", ["llama", "mistral", "qwen2", "qwen3"])
def test_a_created_model(family, tied, tmp_path):
    config = whorl.ModelConfig(
        model_type=family,
        vocab_size=160,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=tied,
    )
    model = whorl.Model.create(config, 3)
    model.save(tmp_path / "new")
    assert_close(model.logits(IDS), theirs(tmp_path / "new"))


@pytest.mark.parametrize(
    "settings",
    [
        {"r": 4, "lora_alpha": 8, "target_modules": "all-linear"},
        {"r": 8, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"], "use_rslora": True},
        {
            "r": 4,
            "lora_alpha": 16,
            "target_modules": "all-linear",
            "rank_pattern": {"q_proj": 2},
            "alpha_pattern": {"up_proj": 4},
        },
    ],
)
def test_an_adapter_of_peft(checkpoint, settings, tmp_path):
    folder = random_adapter(checkpoint, tmp_path / "adapter", **settings)
    model = whorl.Model.load(checkpoint)
    adapter = whorl.Adapter.load(folder)
    reference = theirs(checkpoint, folder)
    assert_close(model.logits(IDS, adapter), reference)
    assert abs(reference - theirs(checkpoint)).max() > 1e-2
    model.save_merged(tmp_path / "merged", adapter)
    assert_close(theirs(tmp_path / "merged"), reference)
