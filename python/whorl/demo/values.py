"""Argument values: order numbers, names, cities, amounts and so on, in two worlds that never meet.

Every value belongs either to the held-out world (the test rows alone may use it) or to the open one
(the base's corpus and the training rows). Which, is decided by a hash of the value itself, so it holds for
every seed, and the shipped base cannot have seen a test value either.
"""

import hashlib
import random
from collections.abc import Callable

HELD_OUT_SHARE = 0.3

# Made-up words, as varied as real names are: whoever learns on them can only copy, there is nothing to remember.
_ONSETS = "b br c ch cl d dr f fl g gr h j k kl l m n p pl pr qu r s sch sh st t th tr v w y z".split()
_VOWELS = "a e i o u a e i o u ai au ea ee ei ie oo ou ue y".split()
_CODAS = "l n r s t k m x d ck ch gh ld lle lm nd ne nne ns rg rk ster st tz".split()
_ALPHABET = "etaoinsrhdlucmfgpwybvkxjqz"
_FREQUENCIES = [12, 9, 8, 8, 7, 7, 6, 6, 6, 4, 4, 3, 3, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1]

_MONTHS = "January February March April May June July August September October November December".split()
_STREET_ENDS = ["weg", "gata", "straat", "gate", "lane", "allee"]
_CITIES = (
    "Aachen Aarhus Aberdeen Adelaide Alicante Almere Amsterdam Ankara Antwerp Athens Auckland Augsburg Baltimore "
    "Bari Basel Belfast Bergen Berlin Bern Bilbao Bochum Bologna Bonn Bordeaux Boston Braga Bremen Breslau Brest "
    "Bristol Bruges Brno Brussels Bucharest Budapest Burgos Cadiz Calgary Cardiff Catania Chester Chicago Cologne "
    "Coventry Cremona Dallas Darmstadt Davos Delft Denver Derby Detroit Dijon Dortmund Dover Dresden Dublin Dundee "
    "Durham Edinburgh Eindhoven Erfurt Essen Exeter Ferrara Florence Frankfurt Freiburg Galway Gdansk Geneva Genoa "
    "Ghent Girona Glasgow Graz Grenoble Groningen Halifax Hamburg Hannover Helsinki Houston Innsbruck Jena Karlsruhe "
    "Kassel Kiel Klagenfurt Krakow Lausanne Leeds Leiden Leipzig Leuven Liege Lille Limerick Lincoln Linz Lisbon "
    "Liverpool Ljubljana Lodz London Lucerne Lugano Lund Lyon Madrid Mainz Malaga Malmo Manchester Mannheim Maribor "
    "Marseille Melbourne Memphis Milan Modena Montreal Munich Murcia Namur Nantes Naples Nice Norwich Nottingham "
    "Nuremberg Odense Oslo Ostrava Oxford Padua Palermo Paris Parma Perth Perugia Phoenix Pisa Plymouth Porto "
    "Portland Potsdam Poznan Prague Preston Quebec Ravenna Regensburg Rennes Riga Rome Rostock Rotterdam Rouen "
    "Salerno Salzburg Seattle Seville Siena Sofia Split Stavanger Stockholm Strasbourg Stuttgart Swansea Sydney "
    "Tallinn Tampere Toledo Toronto Toulouse Trento Trier Trieste Turin Turku Ulm Uppsala Utrecht Valencia Venice "
    "Verona Vienna Vilnius Warsaw Wolfsburg Wuppertal York Zagreb Zurich"
).split()


def is_held_out(value: str) -> bool:
    """True for the values that only test rows may use."""
    digest = hashlib.sha256(("whorl demo value " + value.casefold()).encode()).digest()
    return digest[0] < int(256 * HELD_OUT_SHARE)


def _word(rng: random.Random, syllables: int) -> str:
    text = "".join(rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(syllables))
    return (text + rng.choice(_CODAS)).capitalize()


def _scramble(rng: random.Random) -> str:
    """Letters in any order, as often as English has them: no word can surprise whoever copies this."""
    return "".join(rng.choices(_ALPHABET, _FREQUENCIES, k=rng.randint(2, 9))).capitalize()


def _letters(rng: random.Random, n: int) -> str:
    return "".join(rng.choice("ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(n))


def _digits(rng: random.Random, n: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(n))


def _order_id(rng: random.Random) -> str:
    return f"{_letters(rng, 2)}-{_digits(rng, 5)}"


def _code(rng: random.Random) -> str:
    return _letters(rng, 4) + _digits(rng, 2)


def _amount(rng: random.Random) -> str:
    return f"{rng.randint(5, 399)}.{rng.randint(1, 99):02d}"


def _date(rng: random.Random) -> str:
    return f"{rng.randint(1, 28)} {rng.choice(_MONTHS)}"


def _time(rng: random.Random) -> str:
    return f"{rng.randint(7, 21)}:{rng.randint(0, 59):02d}"


def _city(rng: random.Random) -> str:
    return rng.choice(_CITIES)


def _town(rng: random.Random) -> str:
    return _word(rng, rng.choice([1, 1, 2])) + rng.choice(
        ["", "", "", "a", "au", "burg", "dam", "ford", "o", "ton"]
    )


def _street(rng: random.Random) -> str:
    return f"{_word(rng, rng.choice([1, 1, 2]))}{rng.choice(_STREET_ENDS)} {rng.randint(2, 199)}"


def _product(rng: random.Random) -> str:
    return f"{_word(rng, rng.choice([1, 2]))} {_letters(rng, 1)}{rng.randint(2, 99)}"


def _name(rng: random.Random) -> str:
    return f"{_word(rng, rng.choice([1, 1, 2]))} {_word(rng, rng.choice([1, 2]))}"


KINDS: dict[str, Callable[[random.Random], str]] = {
    "order_id": _order_id,
    "code": _code,
    "amount": _amount,
    "date": _date,
    "time": _time,
    "city": _city,  # real ones
    "town": _town,  # made-up ones
    "word": _scramble,
    "street": _street,
    "product": _product,
    "name": _name,
}


def draw(kind: str, rng: random.Random, held_out: bool) -> str:
    """A value of `kind` from the asked-for world."""
    make = KINDS[kind]
    while True:
        value = make(rng)
        if is_held_out(value) == held_out:
            return value
