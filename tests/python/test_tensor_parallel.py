"""One model shared out over several processes: Model.load(tensor_parallel_size=), and the command line."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import whorl
from test_ranks import CLEAN, children, finish, free_port, start, wait_for

ASK = ["hello where is my order", "--max-new-tokens", 24, "--json"]


@pytest.fixture(scope="module")
def base(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shared") / "model"
    model.save(folder)
    return folder


@pytest.fixture(scope="module")
def adapter(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapters") / "r4"
    trained[1].adapter.save(folder)
    return folder


def answer(process):
    status, out, err = finish(process)
    assert status == 0, err
    return json.loads(out)


def torchrun(size, command):
    """The processes by rank, as torchrun would start them."""
    shared = {"WORLD_SIZE": size, "MASTER_ADDR": "localhost", "MASTER_PORT": free_port()}
    return [command(RANK=rank, LOCAL_RANK=rank, **shared) for rank in range(size)]


def test_generate_answers_as_one_process_does(base, adapter):
    for more in ([], ["--adapter", adapter]):
        alone = answer(start("generate", *ASK, "--base", base, *more))
        together = answer(start("generate", *ASK, "--base", base, *more, "--tensor-parallel-size", 2))
        assert together["ids"] == alone["ids"]
        assert together["text"] == alone["text"]
    assert alone["adapter"] == "r4"


def test_a_chat_keeps_the_terminal(base):
    lines = "hello\nwhere is my order\n/quit\n"

    def chat(*more):
        flags = ["--base", str(base), "--max-new-tokens", "8", "--json", *more]
        code = "import sys; from whorl.cli import main; sys.exit(main())"
        done = subprocess.run(
            [sys.executable, "-P", "-c", code, "chat", *flags],
            input=lines, capture_output=True, text=True, env=CLEAN, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ids(text):
        documents, decoder, text = [], json.JSONDecoder(), text.strip()
        while text:
            one, end = decoder.raw_decode(text)
            documents.append(one["ids"])
            text = text[end:].lstrip()
        assert len(documents) == 2
        return documents

    assert ids(chat("--tensor-parallel-size", "2")) == ids(chat())


def test_evaluation_scores_the_same(base, rows, tmp_path):
    held_out = tmp_path / "rows.jsonl"
    held_out.write_text("".join(json.dumps(row) + "\n" for row in rows))
    flags = ["eval", held_out, "--base", base, "--metric", "rouge", "--max-new-tokens", 8, "--json"]
    alone, together = (answer(start(*flags, *more)) for more in ([], ["--tensor-parallel-size", 2]))
    assert together[0]["scores"] == alone[0]["scores"]


def test_torchruns_variables_do_the_same(base):
    alone = answer(start("generate", *ASK, "--base", base))
    flags = ["generate", *ASK, "--base", base, "--tensor-parallel-size", 2, "--distributed", "--threads", 1]
    first, second = torchrun(2, lambda **variables: start(*flags, **variables))
    assert answer(first)["ids"] == alone["ids"]
    assert finish(second)[:2] == (0, "")


PROGRAM = """
    import sys, whorl
    model = whorl.Model.load(sys.argv[1], threads=1, tensor_parallel_size=2)
    if model.tensor_parallel_rank > 0:
        model.follow()
    else:
        with whorl.InferenceEngine(model) as engine:
            engine.add_adapter("a", whorl.Adapter.load(sys.argv[2]))
            print(engine.generate("hello where is", adapter="a", max_new_tokens=16).ids)
    print(model.memory_bytes, model.tensor_parallel_rank, file=sys.stderr)
"""


def program(text, *arguments, **variables):
    return subprocess.Popen(
        [sys.executable, "-P", "-c", textwrap.dedent(text), *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=CLEAN | {name: str(value) for name, value in variables.items()},
    )  # fmt: skip


def test_a_program_of_ones_own(model, base, adapter):
    first, second = torchrun(2, lambda **variables: program(PROGRAM, base, adapter, **variables))
    (status, out, err), (other, _, other_err) = finish(first), finish(second)
    assert (status, other) == (0, 0), err + other_err
    with whorl.InferenceEngine(model) as engine:
        engine.add_adapter("a", whorl.Adapter.load(adapter))
        wanted = engine.generate("hello where is", adapter="a", max_new_tokens=16).ids
    assert json.loads(out) == list(wanted)
    (held, rank), (other_held, other_rank) = (map(int, text.split()) for text in (err, other_err))
    assert (rank, other_rank) == (0, 1)
    assert held == other_held < model.memory_bytes


def test_ctrl_c_ends_who_follows_and_the_others_hear_why(base, adapter):
    waiting = PROGRAM.replace("print(engine", "import time; time.sleep(3); print(engine")
    first, second = torchrun(2, lambda **variables: program(waiting, base, adapter, **variables))
    time.sleep(2)
    second.send_signal(signal.SIGINT)
    (_, _, err), (_, _, other_err) = finish(first), finish(second)
    assert "KeyboardInterrupt" in other_err
    assert "rank 1 of 2 failed" in err


LONG = ["generate", "hello", "--raw", "--max-new-tokens", 1000, "--tensor-parallel-size", 2]


def long_one(base):
    """An answer that has begun."""
    process = start(*LONG, "--base", base, "--seed", 3, "--temperature", 1.5)
    wait_for(lambda: children(process))
    return process, children(process)


def test_a_killed_follower_is_named(base):
    process, pids = long_one(base)
    os.kill(pids[0], signal.SIGKILL)
    begin = time.monotonic()
    status, _, err = finish(process)
    assert status == 1
    assert "rank 1 of 2" in err and "Traceback" not in err
    assert time.monotonic() - begin < 15


def test_a_killed_first_process_leaves_nobody_behind(base):
    process, pids = long_one(base)
    process.kill()
    process.communicate()
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--tensor-parallel-size", 0], "expected at least 1 process, got 0"),
        (["--tensor-parallel-size", 4], "num_key_value_heads 2 is no multiple"),
        (["--distributed"], "say how many processes share the model"),
        (["--tensor-parallel-size", 2, "--distributed"], "WORLD_SIZE to be a whole number"),
        (["--tensor-parallel-size", 2, "--quantize", "int8"], "32 inputs share a scale"),
    ],
)
def test_bad_values(base, flags, words):
    status, _, err = finish(start("generate", *ASK, "--base", base, *flags))
    assert status == 1
    assert err.startswith("whorl: ") and words in err and "Traceback" not in err


def test_what_needs_all_of_the_model(model, base, adapter):
    refusals = """
        import sys, whorl
        model = whorl.Model.load(sys.argv[1], threads=1, tensor_parallel_size=2)
        for call in (
            lambda: model.save(sys.argv[1] + "/saved"),
            lambda: whorl.Trainer(model, whorl.LoraOptions(name="a")),
        ):
            try:
                call()
            except ValueError as error:
                assert "a share of the model is here" in str(error), error
            else:
                raise AssertionError("not refused")
    """
    for process in torchrun(2, lambda **variables: program(refusals, base, **variables)):
        status, _, err = finish(process)
        assert status == 0, err
    with pytest.raises(ValueError, match="nobody leads"):
        model.follow()
