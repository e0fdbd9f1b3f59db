"""Options: as keywords and as objects, misspelt, of the wrong type."""

import pickle

import pytest
import whorl

ALL = [
    whorl.AdapterSaveOptions, whorl.DeduplicateOptions, whorl.EngineOptions, whorl.EvaluateOptions,
    whorl.FullTrainOptions, whorl.GenerateRequest, whorl.LengthOptions, whorl.LikelihoodRequest, whorl.LoadOptions,
    whorl.LoraOptions, whorl.ModelConfig, whorl.ModelOptions, whorl.PiiOptions, whorl.PublishOptions,
    whorl.RenderOptions, whorl.Row, whorl.SamplingOptions, whorl.StoreOptions, whorl.TrainOptions,
]  # fmt: skip


@pytest.mark.parametrize("cls", ALL, ids=lambda c: c.__name__)
def test_every_options_class_round_trips(cls):
    made = cls()
    assert pickle.loads(pickle.dumps(made)) == made
    assert cls.__name__ in repr(made)
    for name in made.to_dict():
        assert hasattr(made, name)
        setattr(made, name, getattr(made, name))
    assert made == cls()


@pytest.mark.parametrize("cls", ALL, ids=lambda c: c.__name__)
def test_a_misspelt_name_is_a_type_error_that_names_the_nearest(cls):
    name = max(cls().to_dict(), key=len)
    with pytest.raises(TypeError, match=f"did you mean '{name}'"):
        cls(**{name[:-1]: 1})


def test_no_folder_is_no_folder_and_not_this_one():
    made = whorl.TrainOptions()
    assert made.checkpoint_dir == ""
    made.checkpoint_dir = made.checkpoint_dir
    assert made.to_dict()["checkpoint_dir"] == ""
    assert str(whorl.TrainOptions(checkpoint_dir="here").checkpoint_dir) == "here"


def test_options_are_keyword_only():
    with pytest.raises(TypeError):
        whorl.LoraOptions("name", 8)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: whorl.LoraOptions(rank="eight"), "'rank' expected int, got str"),
        (lambda: whorl.LoraOptions(rank=2.5), "'rank' expected int, got float"),
        (lambda: whorl.TrainOptions(packing="no"), "'packing' expected bool, got str"),
        (lambda: whorl.SamplingOptions(stop=3), "'stop' expected"),
        (lambda: whorl.EngineOptions(kv_cache_bytes=-1), "'kv_cache_bytes' expected int"),
        (lambda: whorl.LoraOptions(zzz=1), "unknown option 'zzz'$"),
    ],
)
def test_a_wrong_type_says_what_was_expected(call, words):
    with pytest.raises(TypeError, match=words):
        call()


def test_one_string_does_for_a_list_of_one():
    assert whorl.LoraOptions(target_modules="all-linear").target_modules == ["all-linear"]


def test_keywords_win_over_the_object(model):
    options = whorl.TrainOptions(epochs=3, max_steps=2)
    assert whorl.Trainer(model, [{"rank": 2}], options=options, epochs=1)
    with pytest.raises(TypeError, match="'options' expected TrainOptions, got LoraOptions"):
        whorl.Trainer(model, [{"rank": 2}], options=whorl.LoraOptions())


@pytest.mark.parametrize(
    "call",
    [
        lambda m: whorl.Trainer(m, whorl.LoraOptions(), epoch=2),
        lambda m: whorl.Trainer(m, [{"lr": 1, "learning_rat": 2}]),
        lambda m: whorl.InferenceEngine(m, kv_cache_byte=1),
        lambda m: whorl.Model.load("x", thread=1),
    ],
)
def test_misspelt_keywords_of_calls(model, call):
    with pytest.raises(TypeError, match="unknown option"):
        call(model)


def test_messages_as_dicts_and_objects(model):
    said = [{"role": "user", "content": "hello world"}]
    expected = model.apply_chat_template(said)
    assert model.apply_chat_template([whorl.Message("user", "hello world")]) == expected
    parts = [
        {"role": "user", "content": [{"type": "text", "text": "hello "}, {"type": "text", "text": "world"}]}
    ]
    assert model.apply_chat_template(parts) == expected
    assert expected.endswith("assistant ")
    assert not model.apply_chat_template(said, add_generation_prompt=False).endswith("assistant ")
    with pytest.raises(TypeError, match="unknown key 'contents' of a Message; did you mean 'content'"):
        model.apply_chat_template([{"role": "user", "contents": "x"}])
    with pytest.raises(TypeError, match="lacks 'role'"):
        model.apply_chat_template([{"content": "x"}])


def test_tool_calls_in_openais_nesting():
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": {"a": "ü"}}}
    message = whorl.Message("assistant", tool_calls=[call])
    assert message.tool_calls[0].name == "f"
    assert message.tool_calls[0].parsed() == {"a": "ü"}
    assert message.tool_calls == [whorl.ToolCall("f", {"a": "ü"}, "1")]
    assert whorl.Message(**message.to_dict()) == message
