"""The command line as a person and as a program uses it."""

import json
import subprocess
import sys

import pytest
import whorl

PARTS = ["demo", "data", "train", "adapters", "generate", "chat", "eval", "info"]


def whorl_command(*arguments, stdin=None):
    command = [
        sys.executable,
        "-P",
        "-c",
        "import sys; from whorl.cli import main; sys.exit(main())",
        *map(str, arguments),
    ]
    return subprocess.run(command, capture_output=True, text=True, input=stdin, timeout=240)


def ok(*arguments, stdin=None):
    done = whorl_command(*arguments, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done.stdout


def fails(*arguments):
    """One clear sentence, no traceback."""
    done = whorl_command(*arguments)
    assert done.returncode == 1, (done.stdout, done.stderr)
    assert done.stderr.startswith("whorl: ")
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def base(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("base") / "model"
    model.save(folder)
    return folder


@pytest.fixture(scope="module")
def file(rows, tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def store(base, file, tmp_path_factory):
    folder = tmp_path_factory.mktemp("store") / "store"
    arguments = ["--base", base, "--data", file, "--max-steps", 3, "--max-length", 32, "--rank", 2]
    kept = json.loads(ok("train", *arguments, "--publish", "tickets", "--store", folder, "--json"))
    assert kept["adapters"][0]["published"]["version"] == 1
    return folder


def test_help_everywhere():
    text = ok("--help")
    assert all(part in text for part in PARTS)
    for part in PARTS:
        assert "--json" in ok(part, "--help") or part in ("demo", "data", "adapters")
    assert whorl_command("no-such-command").returncode == 2


def test_info():
    facts = json.loads(ok("info", "--json"))
    assert facts["version"] == whorl.__version__
    assert facts["devices"] == ["cpu"] or "cpu" in facts["devices"]
    assert "cuda" in ok("info")


def test_data(base, file, tmp_path):
    facts = json.loads(ok("data", "describe", file, "--base", base, "--json"))
    assert facts["rows"] == 12
    cleaned = json.loads(ok("data", "clean", file, "--out", tmp_path / "clean.jsonl", "--json"))
    assert cleaned["kept"] == len((tmp_path / "clean.jsonl").read_text().splitlines())
    shown = json.loads(ok("data", "preview", file, "--base", base, "--rows", 2, "--json"))
    assert len(shown) == 2
    assert shown[0]["trained"]
    assert "the hello is hello" in ok("data", "preview", file, "--base", base)
    assert "12 rows" in ok("data", "describe", file)


def test_adapters(store, tmp_path):
    assert json.loads(ok("adapters", "list", "--store", store, "--json"))[0]["name"] == "tickets"
    ok("adapters", "export", "tickets", tmp_path / "peft", "--store", store)
    again = json.loads(
        ok("adapters", "import", tmp_path / "peft", "--name", "other", "--store", store, "--json")
    )
    assert again["version"] == 1
    ok("adapters", "publish", "other", tmp_path / "peft", "--store", store, "--metadata", "by=me")
    assert len(json.loads(ok("adapters", "versions", "other", "--store", store, "--json"))) == 2
    assert "other@1" in ok("adapters", "rollback", "other", "--store", store)
    ok("adapters", "promote", "other", 2, "--store", store)
    ok("adapters", "delete", "other", "--version", 1, "--yes", "--store", store)
    assert "all as published" in ok("adapters", "verify", "--store", store)
    ok("adapters", "gc", "--store", store)
    ok("adapters", "delete", "other", "--yes", "--store", store)
    assert [a["name"] for a in json.loads(ok("adapters", "list", "--store", store, "--json"))] == ["tickets"]


def test_a_damaged_store_is_exit_status_one(base, file, store, tmp_path):
    import shutil

    shutil.copytree(store, tmp_path / "store", symlinks=True)
    weights = max((p for p in (tmp_path / "store").rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    raw = bytearray(weights.read_bytes())
    raw[-1] ^= 1
    weights.chmod(0o644)
    weights.write_bytes(raw)
    done = whorl_command("adapters", "verify", "--store", tmp_path / "store")
    assert done.returncode == 1
    assert "problem" in done.stdout


def test_generate_and_chat(base, store):
    options = ["--base", base, "--store", store, "--max-new-tokens", 4]
    result = json.loads(ok("generate", "hello", "--adapter", "tickets", "--json", *options))
    assert result["adapter"] == "tickets@1"
    assert ok("generate", "hello", "--raw", "--regex", "(yes|no)", *options).strip() in ("yes", "no")
    assert ok("generate", "-", *options, stdin="hello") == ok("generate", "hello", *options)
    assert ok("generate", "hello", "--kv-cache-bytes", "1000000", *options) == ok(
        "generate", "hello", *options
    )
    assert "of at least one page" in fails("generate", "hello", "--kv-cache-bytes", "10", *options)
    turns = ok("chat", *options, stdin="hello\n/adapter tickets\nworld\n/reset\n/quit\n")
    assert "tickets>" in turns


def test_eval(base, store, file, tmp_path):
    arguments = [
        "eval",
        file,
        "--base",
        base,
        "--store",
        store,
        "--adapter",
        "tickets",
        "--metric",
        "exact_match",
    ]
    arguments += ["--max-new-tokens", 8, "--rows", tmp_path / "rows.jsonl"]
    found = json.loads(ok(*arguments, "--json"))
    assert [r["adapter"].partition("@")[0] for r in found] == ["", "tickets"]
    assert found[1]["scores"]["exact_match"]["n"] == 12
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == 24
    assert "±" in ok(*arguments)


def test_train_from_a_file(base, file, tmp_path):
    config = tmp_path / "train.yaml"
    config.write_text(
        f"base: {base}\ndata: {file}\nmax_steps: 3\nmax_length: 32\nvalid_fraction: 0.25\nout: adapters\n"
        "adapters:\n  - {name: a, rank: 2}\n  - {name: b, rank: 4, learning_rate: 1.0e-3}\n"
    )
    assert "validation loss" in ok("train", "--config", config)
    assert whorl.Adapter.load(tmp_path / "adapters" / "b").rank == 4
    plan = json.loads(ok("train", "--config", config, "--dry-run", "--json", "--max-steps", 7))
    assert plan["steps"] == 7


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"epoch": 2}', "unknown key 'epoch'; did you mean 'epochs'"),
        ('{"adapters": [{"rnk": 2}]}', "unknown key 'rnk'; did you mean 'rank'"),
        ('{"adapters": 3}', "'adapters' expected a list"),
        ('{"epochs": 1, "epochs": 2}', "given twice"),
        ("[1]", "expected keys"),
        ("{", "line 1"),
        ("{}", "no training data"),
    ],
)
def test_a_wrong_configuration_is_refused(tmp_path, text, words):
    path = tmp_path / "train.json"
    path.write_text(text)
    assert words in fails("train", "--config", path)


def test_errors_say_what_to_do(base, file, tmp_path):
    assert "huggingface-cli download meta-llama/Llama-3.2-1B" in fails(
        "generate", "x", "--base", "meta-llama/Llama-3.2-1B"
    )
    assert "--store" in fails("adapters", "list", "--store", tmp_path / "none")
    assert "no PEFT folder" in fails(
        "generate", "x", "--base", base, "--adapter", "a", "--store", tmp_path / "none"
    )
    assert "nothing.jsonl" in fails("data", "describe", tmp_path / "nothing.jsonl")
    assert "not JSON" in fails("generate", "x", "--base", base, "--json-schema", "{")


def test_version_is_one_line():
    assert ok("--version") == f"whorl {whorl.__version__}\n"


def test_python_dash_m_is_the_same_command():
    done = subprocess.run([sys.executable, "-P", "-m", "whorl", "--version"], capture_output=True, text=True)
    assert done.stdout == f"whorl {whorl.__version__}\n"


def test_a_row_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"text": "good"}\n{"text": 3}\n')
    done = whorl_command("data", "describe", tmp_path / "rows.jsonl")
    assert done.returncode == 0
    assert "rows.jsonl:2 dropped: " in done.stderr
    assert "rows.jsonl:1" not in done.stderr


def test_a_device_that_cannot_be_used_says_why(base, tmp_path, monkeypatch):
    """The option reaches the model, from the flag, the environment and the configuration."""
    monkeypatch.delenv("WHORL_DEVICE", raising=False)
    data = tmp_path / "rows.jsonl"
    data.write_text('{"prompt": "a", "completion": "b"}\n' * 4)
    wrong = "'cuda:N' or 'auto', got 'gpu'"
    assert wrong in fails("generate", "x", "--base", base, "--device", "gpu")
    assert wrong in fails("train", "--base", base, "--data", data, "--device", "gpu")
    config = tmp_path / "run.json"
    config.write_text(json.dumps({"base": str(base), "data": str(data), "device": "gpu"}))
    assert wrong in fails("train", "--config", config)
    monkeypatch.setenv("WHORL_DEVICE", "gpu")
    assert wrong in fails("eval", data, "--base", base)


def test_processes_of_one_machine_take_a_gpu_each(monkeypatch):
    from whorl.cli.train import device_of

    monkeypatch.setenv("LOCAL_RANK", "3")
    assert device_of("cuda", True) == "cuda:3"
    assert device_of("cuda", False) == "cuda"
    assert device_of("cuda:1", True) == "cuda:1"
    assert device_of("cpu", True) == "cpu"
    monkeypatch.delenv("LOCAL_RANK")
    assert device_of("cuda", True) == "cuda"
