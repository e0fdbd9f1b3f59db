"""whorl.lm_eval against the harness' own transformers backend: the same weights, tasks and requests."""

import json
import math
import os
from pathlib import Path

import pytest

os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
lm_eval = pytest.importorskip("lm_eval", reason="lm_eval is not installed here: run `make parity`")
import whorl  # noqa: E402
import whorl.lm_eval as plugin  # noqa: E402
from lm_eval.api.instance import Instance  # noqa: E402
from lm_eval.models.huggingface import HFLM  # noqa: E402
from lm_eval.tasks import TaskManager  # noqa: E402

DEMO = Path(whorl.__file__).parent / "data" / "demo_base"
TEXTS = [
    "Where is my order? It was meant to arrive on Monday, and nothing has come.",
    "I would like to change the address of order 10-4471, please.",
    "Sphinx of black quartz, judge my vow! Größe, naïve, 東京 and 🙂 are words too.",
    "a",
    "line one\n\nline two   with spaces ",
]
# Per token float32 rounding in two implementations; sums of up to a few hundred tokens stay below it.
TOLERANCE = 2e-3


def request(kind, *args):
    return Instance(request_type=kind, doc={}, arguments=args, idx=0)


@pytest.fixture(scope="module", params=["demo", "toy"])
def folder(request, tmp_path_factory):
    if request.param == "demo":
        return DEMO
    # The demo's tokenizer over a random Qwen2 with a short context: windows and cuts are met at once.
    import torch
    import transformers

    made = tmp_path_factory.mktemp("toy")
    tokenizer = transformers.AutoTokenizer.from_pretrained(DEMO)
    torch.manual_seed(3)
    config = transformers.Qwen2Config(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, eos_token_id=tokenizer.eos_token_id,
        bos_token_id=tokenizer.bos_token_id, tie_word_embeddings=False,
    )  # fmt: skip
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(1 + 0.1 * torch.randn(p.shape) if p.ndim == 1 else 0.2 * torch.randn(p.shape))
    model.save_pretrained(made)
    tokenizer.save_pretrained(made)
    return made


def reference_backend(folder, **options):
    # The tokenizer comes from the demo's folder: beside a config.json of the type "qwen2" transformers 5 builds a
    # Qwen2Tokenizer, with that family's own pre-tokenizer, and passes over what tokenizer.json says.
    return HFLM(pretrained=str(folder), tokenizer=str(DEMO), device="cpu", dtype="float32", **options)


@pytest.fixture(scope="module")
def theirs(folder):
    return reference_backend(folder, batch_size=4)


@pytest.fixture(scope="module")
def ours(folder):
    return plugin.WhorlLM(folder, dtype="float32")


def differences(ours, theirs):
    return [abs(a - b) / max(1.0, abs(b) / 100) for a, b in zip(ours, theirs, strict=True)]


def test_log_likelihoods(ours, theirs):
    pairs = [(a, b) for a in ["", "Hello \n", *TEXTS] for b in [" yes", " no, thank you", *TEXTS[:2]]]
    pairs.append((" ".join(TEXTS) * 20, " and that is all."))  # over-long: cut from the left
    requests = [request("loglikelihood", *pair) for pair in pairs]
    mine, reference = ours.loglikelihood(requests), theirs.loglikelihood(requests)
    worst = max(differences([x[0] for x in mine], [x[0] for x in reference]))
    assert worst < TOLERANCE
    assert [x[1] for x in mine] == [x[1] for x in reference]
    # The planted fault: a border between context and continuation that is one token off is seen.
    shifted = ours._loglikelihood_tokens([(None, ours.tok_encode(TEXTS[0])[:-1], ours.tok_encode(TEXTS[1]))])
    straight = ours._loglikelihood_tokens([(None, ours.tok_encode(TEXTS[0]), ours.tok_encode(TEXTS[1]))])
    assert abs(shifted[0][0] - straight[0][0]) > TOLERANCE


def test_rolling(ours, theirs):
    requests = [request("loglikelihood_rolling", text) for text in [*TEXTS, " ".join(TEXTS) * 8]]
    mine, reference = ours.loglikelihood_rolling(requests), theirs.loglikelihood_rolling(requests)
    assert max(differences(mine, reference)) < TOLERANCE
    assert all(isinstance(value, float) for value in mine)


def test_greedy_generation(ours, theirs):
    options = [
        {"until": ["\n"], "max_gen_toks": 12, "do_sample": False},
        {"until": [".", " the"], "max_new_tokens": 20},
        {"until": [], "max_gen_toks": 5, "temperature": 0.0},
    ]
    requests = [request("generate_until", text, dict(o)) for text in TEXTS[:3] for o in options]
    assert ours.generate_until(requests) == theirs.generate_until(requests)


def test_chat_template(ours, theirs):
    history = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello <b>you</b>"}]
    assert ours.apply_chat_template(history) == theirs.apply_chat_template(history)
    begun = [*history, {"role": "assistant", "content": "The answer is"}]
    assert ours.apply_chat_template(begun, add_generation_prompt=False) == theirs.apply_chat_template(
        begun, add_generation_prompt=False
    )
    assert ours.chat_template(True) == theirs.chat_template(True)


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tasks")
    rows = [
        {
            "question": f"Is {a} more than {b}?",
            "choices": ["yes", "no"],
            "answer": int(a <= b),
            "text": TEXTS[a % 5],
        }
        for a in range(6)
        for b in range(4)
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    head = (
        f"dataset_path: json\ndataset_kwargs: {{data_files: {{test: {folder}/rows.jsonl}}}}\ntest_split: test\n"
        "metadata: {version: 1.0}\n"
    )
    metric = "metric_list: [{{metric: {}, aggregation: {}, higher_is_better: true}}]\n"
    (folder / "choice.yaml").write_text(
        f"task: whorl_choice\n{head}output_type: multiple_choice\n"
        'doc_to_text: "{{question}}"\ndoc_to_choice: "{{choices}}"\ndoc_to_target: answer\n'
        "metric_list:\n  - {metric: acc, aggregation: mean, higher_is_better: true}\n"
        "  - {metric: acc_norm, aggregation: mean, higher_is_better: true}\n"
    )
    (folder / "rolling.yaml").write_text(
        f"task: whorl_rolling\n{head}output_type: loglikelihood_rolling\n"
        'doc_to_text: ""\ndoc_to_target: "{{text}}"\n'
        + metric.format("word_perplexity", "weighted_perplexity")
    )
    (folder / "answer.yaml").write_text(
        f'task: whorl_answer\n{head}output_type: generate_until\ndoc_to_text: "{{{{text}}}}"\n'
        'doc_to_target: "{{choices[answer]}}"\ngeneration_kwargs: {until: ["\\n"], max_gen_toks: 8, do_sample: false}\n'
        + metric.format("exact_match", "mean")
    )
    return TaskManager(include_path=str(folder), include_defaults=False)


def scores(results):
    return {
        (task, name): value
        for task, values in results["results"].items()
        for name, value in values.items()
        if isinstance(value, float)
    }


def test_simple_evaluate(folder, tasks, ours, theirs):
    names = ["whorl_choice", "whorl_rolling", "whorl_answer"]
    common = dict(tasks=names, task_manager=tasks, bootstrap_iters=0)
    mine = lm_eval.simple_evaluate(
        model="whorl", model_args={"pretrained": str(folder), "dtype": "float32"}, **common
    )
    reference = lm_eval.simple_evaluate(model=theirs, **common)
    a, b = scores(mine), scores(reference)
    assert a.keys() == b.keys() and len(a) >= 4
    for key, value in b.items():
        assert math.isclose(a[key], value, rel_tol=1e-4, abs_tol=1e-9), key
    assert mine["config"]["model_digest"] == ours._model.digest


def test_chats_through_the_template(folder, tasks, theirs):
    if folder != DEMO:
        pytest.skip("the toy's context is shorter than its template")
    common = dict(tasks=["whorl_choice"], task_manager=tasks, bootstrap_iters=0, apply_chat_template=True)
    mine = lm_eval.simple_evaluate(model=plugin.WhorlLM(folder, dtype="float32"), **common)
    assert scores(mine) == pytest.approx(scores(lm_eval.simple_evaluate(model=theirs, **common)))


def test_an_adapter_is_the_one_that_peft_applies(folder, theirs, tmp_path):
    import peft
    import torch
    import transformers

    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    torch.manual_seed(1)
    tuned = peft.get_peft_model(model, peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj", "down_proj"]))
    with torch.no_grad():
        for name, p in tuned.named_parameters():
            if "lora_B" in name:
                p.copy_(0.05 * torch.randn(p.shape))
    tuned.save_pretrained(tmp_path / "adapter")
    requests = [request("loglikelihood", text, " yes, of course") for text in TEXTS]
    reference = reference_backend(folder, peft=str(tmp_path / "adapter"), batch_size=2).loglikelihood(
        requests
    )
    mine = plugin.WhorlLM(folder, adapter=str(tmp_path / "adapter"), dtype="float32").loglikelihood(requests)
    assert max(differences([x[0] for x in mine], [x[0] for x in reference])) < TOLERANCE
    # The planted fault: without its adapter the answer is another.
    base = theirs.loglikelihood(requests)
    assert max(differences([x[0] for x in mine], [x[0] for x in base])) > 10 * TOLERANCE
