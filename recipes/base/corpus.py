"""The corpus on which the base is trained from random weights: seeded, endless, all of it generated.

It teaches the chat format, copying values never seen before, calling a tool that the user names, and a little
customers' English. It holds none of the demo's support tools, none of its sentences, and no held-out value.
"""

import json
import random
from collections.abc import Callable

from customers import TOPICS
from whorl.demo.generate import capitalise, choose_words
from whorl.demo.values import KINDS, draw

VERBS = (
    "set get play open close add remove send read start stop show list save load move rename paint count lock "
    "water clean print copy join leave plan write draw build feed warm cool pause resume measure test sort tag "
    "rate pack scan mix weigh"
).split()
NOUNS = (
    "lamp song door note file train flight room plant heater timer alarm photo recipe message event task meeting "
    "table ticket garden window oven radio camera list page book game team color cup map report invoice seat "
    "bicycle desk tent boat ladder fence"
).split()
# Words of which the support tools are made. Here they meet other words only, never one another, so that the base
# can spell them but has seen none of those tools.
SUPPORT_VERBS = "track cancel refund change check find apply request book talk".split()
SUPPORT_NOUNS = "order payment address stock store coupon repair callback human".split()
# Argument name -> kind of value. Several names share a kind, so that a name alone never tells the value.
ARGUMENTS = {
    "city": "city", "town": "city", "place": "city", "from_city": "city", "date": "date", "day": "date", "until": "date",
    "time": "time", "at": "time", "start": "time", "name": "name", "person": "name", "guest": "name", "owner": "name",
    "amount": "amount", "price": "amount", "cost": "amount", "code": "code", "key": "code", "password": "code",
    "id": "order_id", "order_id": "order_id", "number": "order_id", "file_id": "order_id", "room_id": "order_id", "title": "product",
    "model": "product", "device": "product", "product": "product", "street": "street", "home": "street",
}  # fmt: skip
SAID = {
    "order_id": ["number {}", "{}", "id {}"], "code": ["code {}", "{}"], "amount": ["{}", "for {}", "{} euros"],
    "date": ["on {}", "for {}"], "time": ["at {}", "from {}"], "city": ["in {}", "near {}", "to {}"],
    "street": ["at {}", "to {}"], "product": ["the {}", "my {}", "a {}"], "name": ["for {}", "with {}", "I am {}"],
}  # fmt: skip

GREETINGS = [
    "",
    "",
    "",
    "",
    "Hi folks, ",
    "Good afternoon, ",
    "Greetings, ",
    "Dear all, ",
    "Hello people, ",
    "Sorry to ask, ",
] + ["One question: ", "Well, ", "So, ", "Please note: ", "Dear Sir or Madam, ", "Yo, ", "My dear shop, "]
FAREWELLS = (
    [
        "",
        "",
        "",
        "",
        " Kind regards.",
        " Bye.",
        " I am waiting for a reply.",
        " Thanks a lot.",
        " It matters to me.",
    ]
    + [
        " Have a nice day.",
        " Best wishes to you all.",
        " Please be quick!",
        " Let me know soon.",
        " That would be great.",
    ]
    + [" I hope for a quick answer.", " Nice to have you.", " Thank you so much for the help."]
)


def value(kind: str, rng: random.Random) -> str:
    if kind == "city":  # there are too few real cities: they would be learnt by heart instead of copied
        kind = rng.choices(["city", "town", "word"], [0.15, 0.6, 0.25])[0]
    return draw(kind, rng, held_out=False)


def user(text: str) -> dict:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict:
    return {"role": "assistant", "content": text}


def call(name: str, arguments: dict) -> dict:
    function = {"name": name, "arguments": arguments}
    return {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": function}]}


def tool_name(rng: random.Random) -> str:
    form = rng.random()
    verbs = SUPPORT_VERBS if form < 0.2 else VERBS
    nouns = SUPPORT_NOUNS if 0.2 <= form < 0.4 else NOUNS
    return f"{rng.choice(verbs)}{'_to_' if rng.random() < 0.1 else '_'}{rng.choice(nouns)}"


def random_tools(rng: random.Random, n: int) -> dict[str, list[str]]:
    tools = {}
    while len(tools) < n:
        name = tool_name(rng)
        kinds, names = set(), []
        for argument in rng.sample(list(ARGUMENTS), rng.choice([0, 1, 1, 2, 2, 3])):
            if ARGUMENTS[argument] not in kinds:  # one of a kind, so that every value has one place
                kinds.add(ARGUMENTS[argument])
                names.append(argument)
        tools[name] = names
    return tools


def schemas(tools: dict[str, list[str]]) -> list[dict]:
    return [
        {
            "type": "function",
            "function": {
                "name": name,
                "description": "",
                "parameters": {"type": "object", "properties": {a: {"type": "string"} for a in arguments}},
            },
        }
        for name, arguments in tools.items()
    ]


def ask_for_call(name: str, values: dict[str, str], rng: random.Random) -> str:
    """A sentence that names the tool and holds the values, in one of many forms."""
    if not values:
        return rng.choice(["Call {}.", "Please use {}.", "{} now, please.", "Run {}.", "I want {}."]).format(
            name
        )
    order = list(values.items())
    rng.shuffle(order)
    form = rng.randrange(4)
    if form == 0:  # arguments named
        said = rng.choice([", ", " and "]).join(f"{a} {v}" for a, v in order)
        return rng.choice(["Call {} with {}.", "Use {}: {}.", "{} with {} please."]).format(name, said)
    if form == 1:
        said = ", ".join(f"{a}={v}" for a, v in order)
        return rng.choice(["{}({})", "Run {} {}", "{} {}"]).format(name, said)
    said = " ".join(rng.choice(SAID[ARGUMENTS[a]]).format(v) for a, v in order)
    if form == 2:  # only the kind of a value tells where it belongs
        return rng.choice(["Please {} {}.", "Use {} {}.", "I need {} {}.", "Can you call {} {}?"]).format(
            name, said
        )
    return rng.choice(["{} - please use {}.", "It is {}, call {}.", "Hello, {}, {} please."]).format(
        said, name
    )


def polite(text: str, rng: random.Random) -> str:
    """Greetings and good-byes: words around a request that say nothing about it."""
    return capitalise(rng.choice(GREETINGS) + text + rng.choice(FAREWELLS))


def tool_row(rng: random.Random) -> dict:
    tools = random_tools(rng, rng.choice([2, 3, 4, 5, 6, 8, 10]))
    messages = []
    for _ in range(rng.choice([1, 2, 2, 3])):
        name = rng.choice(list(tools))
        values = {a: value(ARGUMENTS[a], rng) for a in tools[name]}
        messages += [user(ask_for_call(name, values, rng)), call(name, values)]
        if rng.random() < 0.15:
            status = rng.choice(["done", "ok", "failed", "not found"])
            messages += [
                {"role": "tool", "content": json.dumps({"status": status})},
                assistant(f"Result: {status}."),
            ]
    return {"messages": messages, "tools": schemas(tools)}


def told_row(rng: random.Random) -> dict:
    """A customer's message and the tool to use on it: named, or the only one there is."""
    tools = random_tools(rng, rng.choice([1, 2, 4, 6, 9]))
    alone = len(tools) == 1 and rng.random() < 0.7
    _, sentences = TOPICS[rng.choice(list(TOPICS))]
    template = choose_words(rng.choice(sentences), rng)
    kinds = [kind for kind in KINDS if "{" + kind + "}" in template]
    values = {kind: value(kind, rng) for kind in kinds}
    names = {
        kind: rng.choice([a for a, k in ARGUMENTS.items() if k == kind])
        for kind in rng.sample(kinds, len(kinds))
    }
    name = next(iter(tools)) if alone else tool_name(rng)
    tools[name] = list(names.values())
    listed = rng.sample(list(tools), len(tools))
    said = polite(template.format(**values), rng)
    if not alone:
        said = rng.choice(
            ["{0}\nCall {1}.", "{0} Use {1}.", "{1}: {0}", "{0} ({1})", "Please {1}. {0}"]
        ).format(said, name)
    messages = [user(said), call(name, {names[kind]: values[kind] for kind in names})]
    return {"messages": messages, "tools": schemas({each: tools[each] for each in listed})}


def facts(rng: random.Random, n: int) -> dict[str, str]:
    """Argument names with values, no two of one kind."""
    chosen = {}
    for argument in rng.sample(list(ARGUMENTS), len(ARGUMENTS)):
        if len(chosen) < n and ARGUMENTS[argument] not in {ARGUMENTS[a] for a in chosen}:
            chosen[argument] = value(ARGUMENTS[argument], rng)
    return chosen


def recall_row(rng: random.Random) -> dict:
    """Named facts, then questions about them."""
    known = facts(rng, rng.choice([2, 3, 4, 5]))
    form = rng.choice(["{} is {}", "{}: {}", "the {} is {}", "{} = {}"])
    text = rng.choice([". ", ", ", "; ", "\n"]).join(form.format(a, v) for a, v in known.items())
    messages = []
    for i, a in enumerate(rng.sample(list(known), rng.randint(1, len(known)))):
        question = rng.choice(["What is the {}?", "{}?", "Tell me the {}.", "Which {}?"]).format(a)
        messages += [user(f"{text}\n{question}" if i == 0 else question), assistant(known[a])]
    return {"messages": messages}


def extract_row(rng: random.Random) -> dict:
    """Facts told without their names, asked for as JSON or one by one."""
    known = facts(rng, rng.choice([1, 2, 3, 3, 4]))
    told = [rng.choice(SAID[ARGUMENTS[a]]).format(v) for a, v in known.items()]
    rng.shuffle(told)
    verb = rng.choice(
        ["moved the", "saw a", "sold the", "asked about a", "lost my", "wrote about the", "looked at"]
    )
    text = f"I {verb} {rng.choice(NOUNS)} {' '.join(told)}."
    asked = rng.sample(list(known), rng.randint(1, len(known)))
    form = rng.choice(["JSON with {}", "Give me {} as JSON", "{} as JSON please"])
    messages = [
        user(f"{text}\n{form.format(', '.join(asked))}"),
        assistant(json.dumps({a: known[a] for a in asked})),
    ]
    for a in rng.sample(list(known), rng.randint(0, len(known))):
        messages += [user(f"And the {a}?"), assistant(known[a])]
    return {"messages": messages}


def repeat_row(rng: random.Random) -> dict:
    parts = [value(rng.choice(list(KINDS)), rng) for _ in range(rng.choice([1, 2, 3, 4, 6]))]
    text = rng.choice([" ", ", ", " and "]).join(parts)
    messages = [
        user(rng.choice(["Repeat: {}", "Say {}", "{}\nOnce more, please."]).format(text)),
        assistant(text),
    ]
    if len(parts) > 1 and rng.random() < 0.6:
        messages += [user("As JSON list."), assistant(json.dumps(parts))]
    return {"messages": messages}


def customer_row(rng: random.Random) -> dict:
    """What a customer's message is about, in words; sometimes beside tools, none of which is named."""
    messages = []
    for _ in range(rng.choice([1, 2, 3])):
        topic = rng.choice(list(TOPICS))
        label, sentences = TOPICS[topic]
        values = {kind: value(kind, rng) for kind in KINDS}
        said = polite(choose_words(rng.choice(sentences), rng).format(**values), rng)
        messages += [user(f"{said}\n{rng.choice(['Topic?', 'What is it about?'])}"), assistant(label)]
    return {"messages": messages}


def chat_row(rng: random.Random) -> dict:
    """A customer's message in a chat without tools, answered in words."""
    label, sentences = TOPICS[rng.choice(list(TOPICS))]
    values = {kind: value(kind, rng) for kind in KINDS}
    said = capitalise(choose_words(rng.choice(sentences), rng).format(**values))
    return {"messages": [user(said), assistant(f"I see, this is about {label[:1].lower() + label[1:]}")]}


MIX: list[tuple[Callable[[random.Random], dict], float]] = [
    (tool_row, 0.30),
    (told_row, 0.15),
    (recall_row, 0.10),
    (extract_row, 0.15),
    (repeat_row, 0.12),
    (customer_row, 0.14),
    (chat_row, 0.04),
]


def rows(n: int, seed: int) -> list[dict]:
    rng = random.Random(f"base corpus {seed}")
    makers, weights = zip(*MIX, strict=True)
    return [rng.choices(makers, weights)[0](rng) for _ in range(n)]
