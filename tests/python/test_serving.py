"""The engine from Python: inputs, batches, streams, threads, the keyboard; the store; the evaluator."""

import asyncio
import os
import signal
import threading
import time

import pytest
import whorl


def test_every_kind_of_input(engine, model):
    ids = model.encode("hello world")
    by_text = engine.generate("hello world", max_new_tokens=4)
    assert engine.generate(ids, max_new_tokens=4).ids == by_text.ids
    request = whorl.GenerateRequest(prompt="hello world", sampling=whorl.SamplingOptions(max_new_tokens=4))
    assert engine.generate(request).ids == by_text.ids
    assert engine.generate(prompt="hello world", max_new_tokens=4).ids == by_text.ids
    chat = engine.generate([{"role": "user", "content": "hello"}], max_new_tokens=4)
    assert engine.generate(messages=[whorl.Message("user", "hello")], max_new_tokens=4).ids == chat.ids
    with pytest.raises(ValueError):
        engine.generate(max_new_tokens=4)
    with pytest.raises(TypeError, match="did you mean 'max_new_tokens'"):
        engine.generate("hello", max_new_token=4)
    with pytest.raises(ValueError, match="nobody"):
        engine.generate("hello", adapter="nobody")


def test_a_mixed_batch_is_its_rows_alone(engine, trained):
    for run in trained:
        engine.add_adapter(run.name, run.adapter)
    assert sorted(engine.adapters()) == ["r2", "r4"]
    sampling = whorl.SamplingOptions(max_new_tokens=6, temperature=1.0, seed=5)
    requests = [
        whorl.GenerateRequest(prompt="where is my", adapter=a, sampling=sampling) for a in ("", "r2", "r4")
    ]
    batch = engine.generate(requests)
    assert [r[0].ids for r in batch] == [engine.generate(r).ids for r in requests]
    assert batch[2][0].adapter_digest == trained[1].adapter.digest


def test_samples_and_logprobs(engine):
    options = {"n": 3, "temperature": 1.0, "max_new_tokens": 5, "logprobs": 2, "ignore_eos": True}
    results = engine.submit("hello", **options).wait()
    assert [r.index for r in results] == [0, 1, 2]
    assert all(len(t.top) == 2 and t.logprob <= 0 for r in results for t in r.logprobs)
    with pytest.raises(ValueError, match="n must be 1"):
        engine.generate("hello", n=2)


def test_a_stream_gives_the_whole_text(engine):
    whole = engine.generate("hello", max_new_tokens=8, ignore_eos=True)
    events = list(engine.stream("hello", max_new_tokens=8, ignore_eos=True))
    assert "".join(e.text for e in events) == whole.text
    assert events[-1].finished
    assert events[-1].result.ids == whole.ids
    assert [e.result for e in events[:-1]] == [None] * (len(events) - 1)


def test_streams_beside_an_event_loop(engine):
    async def one(seed):
        text = ""
        async for event in engine.stream(
            "hello", max_new_tokens=8, ignore_eos=True, temperature=1.0, seed=seed
        ):
            text += event.text
        return text

    async def several():
        return await asyncio.gather(*(one(seed) for seed in range(4)))

    alone = [
        engine.generate("hello", max_new_tokens=8, ignore_eos=True, temperature=1.0, seed=s).text
        for s in range(4)
    ]
    assert asyncio.run(several()) == alone


def test_closing_a_stream_cancels(engine):
    with engine.stream("hello", max_new_tokens=100, ignore_eos=True) as events:
        next(events)
    assert events.result()[0].finish_reason in ("cancelled", "length")
    assert engine.stats().running == 0


def test_a_callback_stops_and_its_exception_comes_out(engine):
    stopped = engine.submit("hello", lambda event: False, max_new_tokens=100, ignore_eos=True).wait()
    assert stopped[0].finish_reason == "cancelled"

    def bad(event):
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        engine.submit("hello", bad, max_new_tokens=100, ignore_eos=True).wait()


@pytest.mark.parametrize(
    "asked", [{"n": 3}, {"sampling": {"n": 3}}, {"sampling": whorl.SamplingOptions(n=3)}]
)
def test_a_stream_of_samples_ends_after_the_last(engine, asked):
    options = {"max_new_tokens": 3, "ignore_eos": True, "temperature": 1.0}
    with engine.stream("hello", **options, **asked) as stream:
        finished = [event.index for event in stream if event.finished]
    assert sorted(finished) == [0, 1, 2]
    assert len(stream.result()) == 3
    assert stream._left == 0


def test_waiting_inside_a_callback_is_refused(engine):
    started, running = threading.Event(), []

    def listen(event):
        started.wait()
        if not event.finished:
            running[0].wait()

    running.append(engine.submit("hello", listen, max_new_tokens=3, ignore_eos=True))
    started.set()
    with pytest.raises(RuntimeError, match="inside a stream callback"):
        running[0].wait()


def test_the_keyboard_stops_a_generation(tokenizer_folder):
    config = whorl.ModelConfig(
        vocab_size=32,
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=1_000_000,
    )
    model = whorl.Model.create(config, seed=1, tokenizer_folder=tokenizer_folder)
    with whorl.InferenceEngine(model) as engine:
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        begin = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            engine.generate("hello", max_new_tokens=500_000, ignore_eos=True)
        assert time.monotonic() - begin < 20
        assert engine.generate("hello", max_new_tokens=2).completion_tokens <= 2


def test_the_cache_is_as_large_as_what_is_free_or_as_asked(model):
    with whorl.InferenceEngine(model) as engine, whorl.InferenceEngine(model, kv_cache_bytes=None) as same:
        stats = engine.stats()
        assert same.stats().pages_total == stats.pages_total
        assert "can use" in stats.kv_cache_reason  # 64 sequences of a small context
        assert stats.kv_cache_tokens == 16 * stats.pages_total
        assert 0 < stats.step_bytes < stats.free_bytes
    page = stats.kv_cache_bytes // stats.pages_total
    with whorl.InferenceEngine(model, kv_cache_bytes=5 * page) as engine:
        assert engine.stats().kv_cache_bytes == 5 * page
        assert engine.stats().kv_cache_reason == "kv_cache_bytes"
        assert engine.stats().pages_total == 5
        with pytest.raises(ValueError, match="5 \\(kv_cache_bytes\\)"):
            engine.generate("hello", max_new_tokens=100)


def test_a_prompt_that_begins_as_one_before_it_reads_its_pages(model):
    talk = [{"role": "user", "content": "hello " * 30}]
    with whorl.InferenceEngine(model) as engine, whorl.InferenceEngine(model, prefix_cache=False) as plain:
        first, again = (engine.generate(talk, max_new_tokens=6, logprobs=2) for _ in range(2))
        expected = plain.generate(talk, max_new_tokens=6, logprobs=2)
        assert first.cached_tokens == 0
        assert again.cached_tokens == (first.prompt_tokens - 1) // 16 * 16 > 0
        for answer in (first, again):
            assert answer.ids == expected.ids
            assert [p.logprob for p in answer.logprobs] == [p.logprob for p in expected.logprobs]
        stats = engine.stats()
        assert stats.cached_tokens == again.cached_tokens
        assert stats.prompt_tokens + stats.cached_tokens == 2 * first.prompt_tokens
        assert stats.pages_cached > 0 and stats.pages_used == 0
        assert plain.stats().pages_cached == 0


def test_many_threads(engine):
    expected = [engine.generate("hello", max_new_tokens=6, temperature=1.0, seed=s).ids for s in range(8)]
    got = [None] * 8

    def work(s):
        got[s] = engine.generate("hello", max_new_tokens=6, temperature=1.0, seed=s).ids

    threads = [threading.Thread(target=work, args=(s,)) for s in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == expected


def test_closed(model):
    engine = whorl.InferenceEngine(model)
    engine.close()
    engine.close()
    with pytest.raises(RuntimeError, match="closed"):
        engine.generate("hello")


def test_constrained(engine):
    assert engine.generate("hello", regex="(yes|no)", max_new_tokens=4).text in ("yes", "no")


def test_likelihoods(engine, model):
    request = whorl.LikelihoodRequest(context=model.encode("hello"), continuation=model.encode("world"))
    (one,) = engine.log_likelihood([request])
    assert one.logprob == pytest.approx(sum(one.token_logprobs))


def test_the_store_and_a_running_engine(model, trained, tmp_path):
    store = whorl.AdapterStore(tmp_path / "store")
    seen = []
    with (
        store.watch(lambda version: seen.append(version.version)),
        whorl.InferenceEngine(model, store) as engine,
    ):
        first = store.publish("tickets", trained[0].adapter, metadata={"by": "test"})
        assert (first.version, first.metadata) == (1, {"by": "test"})
        assert engine.generate("hello", adapter="tickets", max_new_tokens=2).adapter == "tickets@1"
        store.publish("tickets", trained[1].adapter)
        assert engine.generate("hello", adapter="tickets", max_new_tokens=2).adapter == "tickets@2"
        assert engine.generate("hello", adapter="tickets@1", max_new_tokens=2).adapter == "tickets@1"
        deadline = time.monotonic() + 10
        while 2 not in seen and time.monotonic() < deadline:
            time.sleep(0.02)
    assert 2 in seen
    assert store.rollback("tickets").version == 1
    assert store.get("tickets") == trained[0].adapter
    assert "tickets" in store
    assert store.list() == ["tickets"]
    assert store.verify().ok
    store.export_peft("tickets", tmp_path / "peft", 2)
    assert store.publish("other", tmp_path / "peft").digest == trained[1].adapter.digest
    with pytest.raises(ValueError, match="Bad Name"):
        store.publish("Bad Name", trained[0].adapter)


def test_evaluator(model, trained, data):
    with whorl.InferenceEngine(model) as engine:
        engine.add_adapter("r4", trained[1].adapter)
        base, tuned = whorl.Evaluator(engine).run(data, ["", "r4"], metrics=["exact_match", "perplexity"])
        assert (base.adapter, tuned.adapter) == ("", "r4")
        score = tuned.scores["exact_match"]
        assert score.n == len(data)
        assert score.ci_low <= score.value <= score.ci_high
        assert len(tuned.rows) == len(data)
        assert "stderr" in score.to_dict()
        assert whorl.Evaluator(engine).run(data, limit=2, metrics="exact_match").scores["exact_match"].n == 2


def test_metrics():
    a, b = {"name": "f", "arguments": {"x": 1, "y": "z"}}, {"name": "g", "arguments": {}}
    assert whorl.function_name_match([a, b], [b, a]) == 1
    same = {"name": "f", "arguments": '{"y": "z", "x": 1.0}'}
    assert whorl.function_name_and_args_match([a], [same]) == 1
    assert whorl.function_name_and_args_match([a], [{"name": "f", "arguments": {"x": 2}}]) == 0
    assert whorl.summarize([1, 0, 1, 1]).value == 0.75
