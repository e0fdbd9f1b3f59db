"""The base's own byte-level BPE tokenizer, made for copying.

A capital letter and a digit are always tokens by themselves, and a blank is never glued to them. So a name, a
city or an order number has the same tokens in a sentence as between quotes, and copying it is pointing at one
token after the other.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MARKS = ["<tool_call>", "</tool_call>"]
PATTERN = r"[A-Z]|[0-9]| ?[a-z]+|_[a-z]+| ?[^\sA-Za-z0-9]+\n?|\s+"

# Words of shops and chats, so that they are one token each: after a blank, after an underscore, at the start.
WORDS = (
    "order orders parcel package shipment delivery deliver courier driver track tracking status ship shipped arrive "
    "arrived cancel stop purchase bought buy mistake refund payment pay paid back money charged return returned owe "
    "change address street city moved home send sent wrong new check stock product available sold left shelf find "
    "store shop branch near nearest closest visit apply coupon voucher code discount gift basket redeem cheaper book "
    "repair fix fixed broken battery screen workshop technician appointment request callback call phone ring name "
    "time talk speak human person agent machine bot robot colleague manager staff real please thanks thank you your "
    "hello hi help can could would want need like have has had is are was will do does did not no the my me it this "
    "that there for from with and or to on in at of where when what which how why still yet now right day date "
    "amount price number id tool tools name arguments system user assistant"
).split()


def forms(words: Iterable[str]) -> Iterable[str]:
    for word in words:
        yield f"{word} {word} {word}\n"
        yield f"x_{word}\n"


def train(texts: Iterable[str], vocab_size: int) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - len(MARKS),
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )

    border = re.compile("|".join(re.escape(mark) for mark in SPECIAL + MARKS))

    def plain() -> Iterable[str]:
        for text in texts:
            yield from border.split(text)
        for _ in range(300):
            yield from forms(WORDS)

    tokenizer.train_from_iterator(plain(), trainer)
    tokenizer.add_tokens([AddedToken(mark, special=False, normalized=False) for mark in MARKS])
    return tokenizer


def save(tokenizer: Tokenizer, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
