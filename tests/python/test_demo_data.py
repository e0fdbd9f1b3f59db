"""The demo's test is a test: nothing of it is in training, and a planted leak is seen."""

import json
import random

import pytest
from whorl.demo import leaks, phrases_test, phrases_train
from whorl.demo.dirt import soil
from whorl.demo.generate import make_rows
from whorl.demo.tools import BY_NAME, TOOLS
from whorl.demo.values import KINDS, draw, is_held_out

SEEDS = [0, 1, 7]


@pytest.mark.parametrize("seed", SEEDS)
def test_no_test_phrasing_or_value_is_in_training(seed):
    train = [leaks.asked(row) for row in make_rows(800, seed, held_out=False)]
    test = [leaks.asked(row) for row in make_rows(210, seed, held_out=True)]
    assert leaks.find(train, test).none()


def test_a_planted_value_is_found():
    train = [leaks.asked(row) for row in make_rows(100, 0, held_out=False)]
    test = [leaks.asked(row) for row in make_rows(50, 0, held_out=True)]
    stolen = next(value for row in test for value in row.arguments.values())
    train.append(leaks.Asked(f"I heard of {stolen} somewhere", {}))
    assert leaks.find(train, test).values == [stolen]


def test_a_planted_phrasing_is_found_with_other_values_and_another_greeting():
    train = [leaks.asked(row) for row in make_rows(100, 0, held_out=False)]
    test = [leaks.asked(row) for row in make_rows(50, 0, held_out=True)]
    stolen = next(row for row in test if "order_id" in row.arguments and len(row.arguments) == 1)
    said = stolen.said.replace(stolen.arguments["order_id"], "AB-12345")
    train.append(leaks.Asked("Hey, " + said[:1].lower() + said[1:], {"order_id": "AB-12345"}))
    assert leaks.find(train, test).phrasings == [leaks.pattern(stolen)]


def test_dirt_smuggles_nothing_in():
    lines, _ = soil(make_rows(800, 3, held_out=False), 3)
    test = [leaks.asked(row) for row in make_rows(210, 3, held_out=True)]
    train = [leaks.Asked(line, {}) for line in lines]
    assert leaks.find(train, test).none()


@pytest.mark.parametrize("kind", KINDS)
def test_the_two_worlds_of_values_never_meet(kind):
    rng = random.Random(1)
    held = {draw(kind, rng, held_out=True) for _ in range(100)}
    free = {draw(kind, rng, held_out=False) for _ in range(100)}
    assert held.isdisjoint(free)
    assert all(map(is_held_out, held)) and not any(map(is_held_out, free))


def test_every_tool_has_sentences_with_all_its_arguments():
    for phrases in (phrases_train, phrases_test):
        assert set(phrases.CORES) == {tool.name for tool in TOOLS}
        for name, cores in phrases.CORES.items():
            for core in cores:
                assert all("{" + argument + "}" in core for argument in BY_NAME[name].arguments), core


def test_the_same_seed_makes_the_same_bytes():
    first, second = (soil(make_rows(120, 5, held_out=False), 5) for _ in range(2))
    assert first == second
    assert soil(make_rows(120, 6, held_out=False), 6)[0] != first[0]


def test_the_dirt_is_counted():
    rows = make_rows(200, 2, held_out=False)
    lines, planted = soil(rows, 2)
    assert len(lines) == planted.rows()
    assert planted.clean + planted.pii == len(rows)
    assert sum("@" in line or "+49" in line for line in lines if '"messages": [' in line) >= planted.pii
    unreadable = 0
    for line in lines:
        try:
            json.loads(line)
        except ValueError:
            unreadable += 1
    assert 0 < unreadable <= planted.broken
