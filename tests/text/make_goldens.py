"""Makes tests/text/golden/*.json with the reference implementations.

    pip install tokenizers transformers jinja2
    python tests/text/make_goldens.py [SHARED_DATA]

tokenizers.json: ids of Hugging Face `tokenizers` for the files in SHARED_DATA/tokenizers, as counts and
hashes (the texts and the tokenizers themselves are not in the repository). templates.json: renderings of the
templates in tests/text/templates by `transformers`, with the spans of their `generation` blocks in bytes.
"""

import json
import pathlib
import struct
import sys
import warnings
from datetime import UTC

warnings.filterwarnings("ignore")

HERE = pathlib.Path(__file__).parent
SHARED = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parents[2] / "shared" / "data"

SNIPPETS = [
    "",
    " ",
    "Hello, world!",
    "  leading and trailing  ",
    "tabs\tand\nnew\r\nlines\n\n\n",
    "don't can't I'll we've it's 'quoted'",
    "naïve café — “quotes” … ½ ﬁ",
    "Übergrößenträger, Fußgängerübergänge",
    "Привет, мир! Как дела?",
    "こんにちは世界。カタカナとひらがな。",
    "你好，世界！这是一个测试。",
    "안녕하세요 세계",
    "नमस्ते दुनिया",
    "مرحبا بالعالم",
    "שלום עולם",
    "emoji 😀👩‍👩‍👧‍👦🏳️‍🌈👍🏽 end",
    "zero\u200bwidth\u200djoiner\ufeffbom",
    "combining e\u0301 a\u0308 n\u0303",
    "\U0001d54f math \U0001f9ff",
    "control \x01\x02\x7f chars \u0085\u2028\u2029",
    "for (int i = 0; i < 10; ++i) {\n    x[i] += 3.14e-10;\n}",
    "1234567890 3,141.59 0x1F600",
    "a" * 300,
    "ab " * 100,
    "<s> </s> <|endoftext|> <unk> <0x0A> <|user|> <|end|>",
    "text<|endoftext|>more  <|endoftext|>  ",
    "                    deep    indentation",
    "\u2581underscore\u2581like",
    "http://example.com/a?b=c&d=%20#frag me@example.com",
]

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": 'Weather at a place, in "words" <b>&</b> numbers.',
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
                "required": ["city"],
            },
        },
    },
    {
        "type": "function",
        "function": {"name": "add", "description": "", "parameters": {"type": "object", "properties": {}}},
    },
]


def call(name, arguments, id="abcdefghi"):
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def user(text):
    return {"role": "user", "content": text}


def assistant(text, **more):
    return {"role": "assistant", "content": text, **more}


CONVERSATIONS = [
    {"messages": [user("Hello"), assistant("Hi there")]},
    {"messages": [user("Hello")]},
    {
        "messages": [
            {"role": "system", "content": "Be brief."},
            user(" A? "),
            assistant(" b \n"),
            user("C"),
            assistant("d"),
        ]
    },
    {
        "messages": [
            user("two\nlines 世界"),
            assistant("😀 three\n\nlines"),
            user("{{ not a template }}"),
            assistant("{% nor %} this"),
        ]
    },
    {"messages": [user("special <|im_end|> </s> <|eot_id|>"), assistant("quote \" \\ ' < > &")]},
    {"messages": [user("a"), assistant("x" * 50), user("b"), assistant("y"), user("c"), assistant("z")]},
    {
        "messages": [
            user("Weather in Paris?"),
            assistant("", tool_calls=[call("get_weather", {"city": "Paris", "days": 2})]),
            {
                "role": "tool",
                "name": "get_weather",
                "tool_call_id": "abcdefghi",
                "content": '{"sky": "clear"}',
            },
            assistant("Clear skies."),
        ],
        "tools": TOOLS,
    },
    {
        "messages": [
            {"role": "system", "content": "Use tools."},
            user("Sum and weather"),
            assistant(
                "Let me see.",
                tool_calls=[
                    call("add", {"a": 1, "b": [1.5, None, True, 'é\n"q"'], "c": {"k": {}}}),
                    call("get_weather", {"city": "Zürich"}, "123456789"),
                ],
            ),
            {"role": "tool", "name": "add", "tool_call_id": "abcdefghi", "content": "3"},
            {"role": "tool", "name": "get_weather", "tool_call_id": "123456789", "content": "rain"},
            assistant("3, and rain."),
            user("Thanks"),
            assistant("You are welcome."),
        ],
        "tools": TOOLS,
    },
    {
        "messages": [
            user("Think"),
            assistant("Sure.", reasoning_content="I should say sure."),
            user("Again"),
            assistant("Sure again.", reasoning_content="\nsame\n"),
        ]
    },
    {
        "messages": [
            user("Think"),
            assistant("<think>\nhm\n</think>\n\nDone."),
            user("More"),
            assistant("<think>\nhm hm\n</think>\n\nDone too."),
        ]
    },
    {"messages": [user("x"), assistant("y")], "extra": {"enable_thinking": False}},
    {"messages": [user("x")], "extra": {"enable_thinking": False}},
    {"messages": [{"role": "system", "content": "only system"}, user("")]},
    {"messages": [user("one"), user("two"), assistant("three")]},
    {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "part one "},
                    {"type": "image"},
                    {"type": "text", "text": "part two"},
                ],
            },
            assistant("ok\r\nok"),
        ]
    },
]

SPECIALS = {"bos_token": "<s>", "eos_token": "</s>"}
NOW = 1_721_995_200  # 26 July 2024, 12:00 UTC


def fnv(ids):
    value = 0xCBF29CE484222325
    for byte in struct.pack(f"<{len(ids)}i", *ids):
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def texts():
    c4 = [
        json.loads(line)["text"] for line in (SHARED / "text/c4_demo.jsonl").read_text("utf-8").splitlines()
    ]
    yield "c4", c4
    yield "wiki", [(SHARED / "text/wiki_demo.txt").read_bytes().decode("utf-8")]
    yield "tinyshakespeare", [(SHARED / "tinyshakespeare.txt").read_bytes().decode("utf-8")]


def tokenizer_goldens():
    from tokenizers import Tokenizer

    out = {"snippets": SNIPPETS, "tokenizers": {}}
    for path in sorted((SHARED / "tokenizers").iterdir()):
        tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        entry = {"vocab_size": tokenizer.get_vocab_size(), "snippets": [], "texts": {}}
        for snippet in SNIPPETS:
            plain = tokenizer.encode(snippet, add_special_tokens=False).ids
            special = tokenizer.encode(snippet, add_special_tokens=True).ids
            entry["snippets"].append(
                {
                    "ids": plain,
                    "with_special": fnv(special),
                    "decoded": tokenizer.decode(plain, skip_special_tokens=False),
                    "skipped": tokenizer.decode(plain, skip_special_tokens=True),
                }
            )
        for name, parts in texts():
            ids = [id for part in parts for id in tokenizer.encode(part, add_special_tokens=False).ids]
            entry["texts"][name] = {"count": len(ids), "hash": fnv(ids)}
        out["tokenizers"][path.name] = entry
    return out


def byte_span(text, begin, end):
    return [len(text[:begin].encode()), len(text[:end].encode())]


def render(source, conversation, generate):
    from datetime import datetime
    from unittest import mock

    from transformers.utils import chat_template_utils as hf

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.fromtimestamp(NOW, UTC)

    hf._compile_jinja_template.cache_clear()
    with mock.patch.object(hf, "datetime", Clock):
        rendered, spans = hf.render_jinja_template(
            conversations=[conversation["messages"]],
            tools=conversation.get("tools"),
            chat_template=source,
            add_generation_prompt=generate,
            return_assistant_tokens_mask=not generate,
            **SPECIALS,
            **conversation.get("extra", {}),
        )
    text = rendered[0]
    return text, [byte_span(text, b, e) for b, e in (spans[0] if spans else [])]


def template_goldens():
    cases = []
    for path in sorted((HERE / "templates").glob("*.jinja")):
        source = path.read_text("utf-8")
        for index, conversation in enumerate(CONVERSATIONS):
            for generate in (False, True):
                case = {"template": path.name, "conversation": index, "generate": generate}
                try:
                    case["text"], case["spans"] = render(source, conversation, generate)
                except Exception as error:
                    case["error"] = type(error).__name__
                cases.append(case)
    return {"now": NOW, "specials": SPECIALS, "conversations": CONVERSATIONS, "cases": cases}


def main():
    (HERE / "golden").mkdir(exist_ok=True)
    for name, make in (("tokenizers", tokenizer_goldens), ("templates", template_goldens)):
        text = json.dumps(make(), ensure_ascii=False, indent=1)
        (HERE / "golden" / f"{name}.json").write_text(text + "\n", "utf-8")


main()
