"""Odd texts that text metrics trip over, shared by the vectors and the live comparison."""

from __future__ import annotations

import random

PAIRS: list[tuple[str, list[str]]] = [
    ("", [""]),
    ("", ["something was expected here"]),
    ("something was said here", [""]),
    ("word", ["word"]),
    ("two words", ["two words"]),
    ("three little words", ["three little words"]),
    ("the cat sat on the mat", ["the cat sat on the mat"]),
    ("the the the the the the the", ["the cat is on the mat", "there is a cat on the mat"]),
    (
        "It is a guide to action, that ensures that the military obeys.",
        ["It is a guide to action that ensures."],
    ),
    ("a b c d e f g h", ["h g f e d c b a"]),
    ("e f g h a b c d", ["a b c d e f g h"]),
    (
        "on the mat sat the cat, quietly",
        ["quietly, the cat sat on the mat", "the cat sat quietly on the mat"],
    ),
    (
        "He paid $1,234.56 for 3-4 items (approx.), didn't he?",
        ["He paid $1,234.56 for 3 - 4 items (approx), did he not?"],
    ),
    ("end-\nof line hyphen\nand <skipped> more", ["endof line hyphen and more"]),
    ("trailing hyphen-\n", ["trailing hyphen-"]),
    ("&quot;A &amp;amp; B&quot; &lt;tag&gt; &amp;lt;", ['"A &amp; B" <tag> &lt;']),
    (
        "v1.2.3, 10.5%; a.b.c ... .5 5. 1,000 ,x x, 3- -3 3-4-5",
        ["v1.2.3, 10.5 %; a . b . c ... .5 5 . 1,000"],
    ),
    ("l'été à Paris — naïve café…", ["L'Été à Paris - naive cafe..."]),
    ("ΟΔΥΣΣΕΥΣ ΤΗΣ ΟΔΟΣ Σ ΑΣ.", ["οδυσσευς της οδος σ ας."]),
    ("İstanbul’da İYİ ıI", ["i̇stanbul’da i̇yi̇ ıi"]),
    ("\u212aelvin scale \u00c5ngstr\u00f6m \u1e9e", ["kelvin scale \u00e5ngstr\u00f6m \u00df"]),
    ("non\u00a0breaking\u2003space\u3000here\u001fthere\u0085x", ["non breaking space here there x"]),
    ("zero\u200bwidth is no space", ["zero width is no space"]),
    ("今天天气很好，我们去公园吧。", ["今天天气不错，我们去公园。"]),
    ("日本語のテキスト「引用」・です", ["日本語テキスト『引用』です"]),
    ("😀 emoji 👩‍👩‍👧 family 😀😀", ["😀 emoji 👩‍👩‍👧‍👦 family 😀"]),
    ("(hi) [there] 'quote' \"double\" ...dots!!! a. .b ?", ["(hi there) quote double dots! a b"]),
    ("1234567890 " * 3, ["1234567890 " * 4, "0987654321"]),
    (
        "repeat repeat repeat\nsecond line second\n\nthird line",
        ["repeat second\nline third third\nrepeat line second"],
    ),
    ("police killed the gunman\nthe gunman was old", ["police kill the gunman\nthe old gunman died"]),
    (
        "The runners were running quickly; studies studied happily, generalizations",
        ["A runner runs quick. Study happiness generally"],
    ),
    ("a" * 40, ["a" * 41]),
    ("x", ["y"]),
    ("   \t\n  ", ["   "]),
    ("tie tie", ["tie", "tie tie tie"]),
    ("one two three four", ["one two three", "one two three four five"]),
    ("A  double  space and\ttab", ["a double space and tab"]),
    ("she's John's ''s 's", ["she 's John 's"]),
    ('no punct .,?:;!"() here、。：！', ["no punct here"]),
    ("x..5 5,,7 5..6 a.,6 ...7 -5--6", ["x . .5 5 , ,7 5.6 a 6 7"]),
]

WORDS = (
    "the a of to in and for on with order parcel refund account card payment please cancel status when where "
    "running studies happily generalization 12 3.5 42% it's well-known New York e.g. déjà ναι 中文"
).split()


def random_pairs(seed: int, count: int, longest: int) -> list[tuple[str, list[str]]]:
    """Sentences and disturbed copies of them: words dropped, doubled, swapped, whole phrases moved."""
    rng = random.Random(seed)
    pairs = []
    for _ in range(count):
        reference = [rng.choice(WORDS) for _ in range(rng.randint(1, longest))]
        hypotheses = [disturbed(rng, reference) for _ in range(1 + rng.randrange(3))]
        joined = [" ".join(words) for words in hypotheses]
        pairs.append((" ".join(reference), joined))
    return pairs


def named_words(letter: str, count: int) -> list[str]:
    return [f"{letter}{i}" for i in range(count)]


def limit_pairs() -> list[tuple[str, list[str]]]:
    """Texts at the limits of TER's search: its beam, the length and distance of a shift, the number of candidates."""
    out = []
    for off in (20, 23, 24, 25, 26, 27, 40):  # the same words that far apart, on either side of the diagonal
        shared, left, right = named_words("r", 30), named_words("x", off), named_words("y", off)
        out.append((" ".join(left + shared), [" ".join(shared + right)]))
        out.append((" ".join(shared + right), [" ".join(left + shared)]))
    for length in (8, 9, 10, 11, 12, 21):  # phrases moved over fourteen words
        phrase, rest = named_words("p", length), named_words("q", 14)
        out.append((" ".join(phrase + rest), [" ".join(rest + phrase)]))
    for gap in (47, 49, 50, 51, 53):  # a phrase moved that far
        phrase, rest = named_words("p", 3), named_words("q", gap)
        out.append((" ".join(phrase + rest), [" ".join(rest + phrase)]))
    rng = random.Random(77)
    for words in (2, 3, 4, 6):  # words that match everywhere: more candidates than are tried
        for length in (25, 45, 70):
            texts = [" ".join(rng.choice("abcdef"[:words]) for _ in range(length)) for _ in range(2)]
            out.append((texts[0], [texts[1]]))
    for ratio in (3, 60):  # a reference so much longer that the beam widens
        out.append((" ".join(named_words("r", 3)), [" ".join(named_words("r", 3 * ratio))]))
        out.append((" ".join(named_words("r", 3 * ratio)), [" ".join(named_words("r", 3))]))
    return out


def disturbed(rng: random.Random, words: list[str]) -> list[str]:
    made = list(words)
    for _ in range(rng.randrange(6)):
        if not made:
            return made
        at, length = rng.randrange(len(made)), rng.randint(1, 6)
        kind = rng.randrange(4)
        if kind == 0:
            del made[at : at + length]
        elif kind == 1:
            made[at:at] = [rng.choice(WORDS) for _ in range(length)]
        elif kind == 2:
            phrase = made[at : at + length]
            del made[at : at + length]
            to = rng.randint(0, len(made))
            made[to:to] = phrase
        else:
            made[at] = rng.choice(WORDS)
    return made


STEM_WORDS = (
    "caresses ponies ties caress cats feed agreed plastered bled motoring sing conflated troubled sized hopping "
    "tanned falling hissing fizzed failing filing happy sky relational conditional rational valenci hesitanci "
    "digitizer conformabli radicalli differentli vileli analogousli vietnamization predication operator feudalism "
    "decisiveness hopefulness callousness formaliti sensitiviti sensibiliti triplicate formative formalize "
    "electriciti electrical hopeful goodness revival allowance inference airliner gyroscopic adjustable defensible "
    "irritant replacement adjustment dependent adoption homologou communism activate angulariti homologous "
    "effective bowdlerize probate rate cease controll roll skies dying lying tying news innings inning outings "
    "cannings howe proceed exceed succeed dies died spied flies enjoy enjoyment spy fly try y yy yyy yyyy syzygy toy "
    "archaeology geology theology logi apology fulli carefully cheerfully really totally alli wally rally "
    "organization organizations generalizations oscillators be by is as at it's x1 a1b2 123 4567s bying ing ed eed "
    "ied ies sses ss s us bus gas this ion onion million cushion tion sion lion ements ement moment ate iti ll all "
    "call fulfill skill rolling yell yelling eying bless blessing dressed fussed buzz buzzing hoping hoped plotted "
    "wanted needed agreeing seeing seed speed exceeding proceeding abilities ability able stable comfortably nobly "
    "humbly pebbly Upper MiXeD RUNNING ßing éing naïveté"
).split()
