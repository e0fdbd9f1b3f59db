"""Whorl as a model of lm-evaluation-harness (`pip install whorl[eval]`, lm_eval 0.4.10 or newer).

>>> import lm_eval, whorl.lm_eval
>>> lm_eval.simple_evaluate(model="whorl", model_args={"pretrained": "models/base", "adapter": "tickets",
...                                                    "store": "store"}, tasks=["arc_easy"])

or with an engine of your own, whose batch the harness' requests then share:

>>> model = whorl.lm_eval.WhorlLM(engine=engine, adapter="tickets")
>>> lm_eval.simple_evaluate(model=model, tasks=["arc_easy"])

Importing this module registers the name "whorl". All requests of a call run as one batch; a log-likelihood does not depend
on what else is in it. Values are those of the harness' transformers backend on the same weights, within float32's rounding;
PyTorch is not needed. On the command line: `python -m whorl.lm_eval --model whorl --model_args pretrained=models/base …`.
"""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import whorl

try:
    from lm_eval import utils
    from lm_eval.api.model import TemplateLM
    from lm_eval.api.registry import register_model
except ImportError as error:
    raise ImportError(
        "[whorl.lm_eval] needs lm_eval 0.4.10 or newer, which works without PyTorch: pip install 'whorl[eval]'"
    ) from error

__all__ = ["WhorlLM"]

TOKEN_LIMITS = (
    "max_gen_toks",
    "max_new_tokens",
    "max_tokens",
    "max_completion_tokens",
)  # the first one given counts
SAMPLING = (
    "top_k",
    "top_p",
    "min_p",
    "repetition_penalty",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "prompt_lookup_num_tokens",
)
IGNORED = {
    "use_cache",
    "pad_token_id",
    "num_return_sequences",
    "truncation",
}  # transformers' own, without a meaning here


@register_model("whorl")
class WhorlLM(TemplateLM):
    """A base, perhaps with an adapter, behind the harness' interface.

    pretrained: a Hugging Face folder, or "demo" for the small model that comes with Whorl.
    adapter: "" = the base; a name in the store ("tickets", "tickets@3"), or a PEFT folder.
    store: folder of the adapter store.
    engine: an InferenceEngine instead of `pretrained`; the harness' requests join its batch.
    max_length: tokens of context; 0 = the model's.
    max_gen_toks: of an answer, where a task does not say.
    add_bos_token: None = as the tokenizer does by itself; True or False decides.
    think_end_token: answers begin after its last occurrence.
    chat_template_args: variables of the chat template, a dict or JSON.
    threads, dtype: as in Model.load; 0 = all CPUs, "auto" = as stored.
    batch_size, max_batch_size, device: accepted, because the harness passes them; the engine batches by itself.
    """

    def __init__(
        self,
        pretrained: str | os.PathLike[str] = "",
        *,
        adapter: str = "",
        store: str | os.PathLike[str] = "",
        engine: whorl.InferenceEngine | None = None,
        max_length: int = 0,
        max_gen_toks: int = 256,
        add_bos_token: bool | None = None,
        think_end_token: str = "",
        chat_template_args: dict[str, Any] | str | None = None,
        threads: int = 0,
        dtype: str = "auto",
        batch_size: int | str | None = None,
        max_batch_size: int | None = None,
        device: str | None = None,
    ) -> None:
        super().__init__()
        if device not in (None, "", "cpu"):
            raise ValueError(f'[whorl.lm_eval] expected device "cpu", got {device!r}')
        if (engine is None) == (not pretrained):
            raise ValueError(
                "[whorl.lm_eval] expected exactly one of pretrained (a model's folder) and engine"
            )
        self._engine, self._adapter = (
            (engine, adapter)
            if engine is not None
            else _open(pretrained, adapter, store, int(threads), dtype)
        )
        self._model = self._engine.model
        self._config = self._model.config
        context = self._config.max_position_embeddings
        self._max_length = int(max_length) or context
        if not 1 <= self._max_length <= context:
            raise ValueError(
                f"[whorl.lm_eval] expected max_length from 1 to the model's {context}, got {max_length}"
            )
        self._max_gen_toks = int(max_gen_toks)
        self._add_bos_token = add_bos_token
        self._think_end_token = think_end_token
        arguments = chat_template_args or {}
        self._chat_template_args = json.loads(arguments) if isinstance(arguments, str) else dict(arguments)
        self._check_adapter()

    # ---- what the harness asks of a model -----------------------------------------------------------------
    @property
    def max_length(self) -> int:
        return self._max_length

    @property
    def max_gen_toks(self) -> int:
        return self._max_gen_toks

    @property
    def eot_token_id(self) -> int:
        ends = self._config.eos_token_ids
        if not ends:
            raise ValueError("[whorl.lm_eval] the model's config.json names no end-of-sequence token")
        return int(ends[0])

    @property
    def prefix_token_id(self) -> int:
        """What an empty context is replaced with: BOS, or else EOS."""
        bos = self._config.bos_token_id
        return int(bos) if bos >= 0 else self.eot_token_id

    @property
    def tokenizer_name(self) -> str:
        return str(self._model.path or "whorl")

    def get_model_info(self) -> dict[str, Any]:
        """Kept in the results: what was scored, by digest."""
        return {
            "model_digest": self._model.digest,
            "model_num_parameters": self._model.parameter_count,
            "adapter": self._resolved,
            "adapter_digest": self._adapter_digest,
            "whorl": whorl.__version__,
        }

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **_: Any) -> list[int]:
        if add_special_tokens is None:
            add_special_tokens = self._add_bos_token
            if self._starts_with_bos(string):
                add_special_tokens = False
        return list(self._model.encode(string, add_special_tokens=add_special_tokens is not False))

    def tok_decode(self, tokens: list[int], skip_special_tokens: bool = True) -> str:
        return self._model.decode([int(t) for t in tokens], skip_special_tokens=skip_special_tokens)

    def apply_chat_template(
        self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True
    ) -> str:
        def rendered(history: list[dict[str, str]]) -> str:
            options = whorl.RenderOptions(
                add_generation_prompt=add_generation_prompt, variables=json.dumps(self._chat_template_args)
            )
            text = self._model.apply_chat_template(history, options=options)
            # Without a new turn the last one is to be continued: it ends with its own text.
            return text if add_generation_prompt else _without_turn_end(text, history[-1]["content"])

        try:
            return rendered(chat_history)
        except ValueError:
            without_system = [message for message in chat_history if message["role"] != "system"]
            if len(without_system) == len(chat_history):
                raise
            return rendered(without_system)  # templates that refuse a system role

    def chat_template(self, chat_template: bool | str = False) -> str | None:
        """The template's source, for the harness' cache keys."""
        if not chat_template:
            return None
        if not self._model.has_chat_template:
            raise ValueError("[whorl.lm_eval] the model has no chat template")
        return _template_source(self._model.path)

    # ---- the three kinds of request -----------------------------------------------------------------------
    def _loglikelihood_tokens(
        self, requests: list[tuple[Any, list[int], list[int]]], disable_tqdm: bool = False, **_: Any
    ) -> list[tuple[float, bool]]:
        asked = []
        for _key, context, continuation in requests:
            kept = (list(context) + list(continuation))[-(self._max_length + 1) :]  # cut from the left
            cut = max(len(kept) - len(continuation), 1)
            asked.append(
                whorl.LikelihoodRequest(adapter=self._resolved, context=kept[:cut], continuation=kept[cut:])
            )
        answers = [(found.logprob, found.is_greedy) for found in self._engine.log_likelihood(asked)]
        for (key, _context, _continuation), answer in zip(requests, answers, strict=True):
            if key is not None:
                self.cache_hook.add_partial("loglikelihood", key, answer)
        return answers

    def loglikelihood_rolling(self, requests: list[Any], disable_tqdm: bool = False) -> list[float]:
        windows: list[tuple[None, list[int], list[int]]] = []
        counts = []
        for (text,) in [request.args for request in requests]:
            found = list(
                map(
                    utils.make_disjoint_window,
                    utils.get_rolling_token_windows(
                        token_list=self.tok_encode(text),
                        prefix_token=self.prefix_token_id,
                        max_seq_len=self._max_length,
                        context_len=1,
                    ),
                )
            )
            windows += [(None, context, continuation) for context, continuation in found]
            counts.append(len(found))
        scored = iter(self._loglikelihood_tokens(windows))
        totals = []
        for request, count in zip(requests, counts, strict=True):
            totals.append(sum(next(scored)[0] for _ in range(count)))
            self.cache_hook.add_partial("loglikelihood_rolling", request.args, totals[-1])
        return totals

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        asked, stops = [], []
        for context, options in [request.args for request in requests]:
            sampling, until = self._sampling(options)
            room = self._max_length - sampling.max_new_tokens
            if room <= 0:
                raise ValueError(
                    f"[whorl.lm_eval] expected max_gen_toks below the context of {self._max_length} tokens, got "
                    f"{sampling.max_new_tokens}"
                )
            asked.append(
                whorl.GenerateRequest(
                    adapter=self._resolved, prompt_ids=self.tok_encode(context)[-room:], sampling=sampling
                )
            )
            stops.append(until)
        texts = [
            self._cut(samples[0].text, until)
            for samples, until in zip(self._engine.generate(asked), stops, strict=True)
        ]
        for request, text in zip(requests, texts, strict=True):
            self.cache_hook.add_partial("generate_until", request.args, text)
        return texts

    # ---- parts ----------------------------------------------------------------------------------------------
    def _check_adapter(self) -> None:
        """Fixes the adapter's version for this object's life, and says early that there is none of that name."""
        probe = self._engine.generate(
            whorl.GenerateRequest(adapter=self._adapter, prompt_ids=[0]), max_new_tokens=1
        )
        self._resolved, self._adapter_digest = probe.adapter, probe.adapter_digest

    def _starts_with_bos(self, text: str) -> bool:
        prefix = self._model.decode([self.prefix_token_id], skip_special_tokens=False)
        return bool(prefix) and text.startswith(prefix)

    def _sampling(self, options: dict[str, Any]) -> tuple[whorl.SamplingOptions, list[str]]:
        given = copy.deepcopy(options)
        until = given.pop("until", None) or []
        until = [until] if isinstance(until, str) else list(until)
        until = [stop for stop in until if stop]
        limits = [given.pop(name, None) for name in TOKEN_LIMITS]
        limit = next((int(value) for value in limits if value is not None), self._max_gen_toks)
        temperature = float(given.pop("temperature", 0.0) or 0.0)
        do_sample = given.pop("do_sample", None)
        if do_sample is False:
            temperature = 0.0
        elif do_sample and temperature == 0.0 and "temperature" not in options:
            temperature = 1.0  # transformers' default when sampling is asked for
        kept = {name: given.pop(name) for name in SAMPLING if given.get(name) is not None}
        unknown = sorted(name for name, value in given.items() if name not in IGNORED and value is not None)
        if unknown:
            raise ValueError(
                f"[whorl.lm_eval] generation options that Whorl does not know: {', '.join(unknown)}; known are "
                f"until, do_sample, temperature, {', '.join((*TOKEN_LIMITS, *SAMPLING))}"
            )
        # Stops are applied by the engine, so that it does not go on for nothing, except where the reasoning
        # before the answer may hold them.
        early = [] if self._think_end_token else until[:16]
        return whorl.SamplingOptions(max_new_tokens=limit, temperature=temperature, stop=early, **kept), until

    def _cut(self, text: str, until: list[str]) -> str:
        if self._think_end_token:
            text = text.split(self._think_end_token)[-1].lstrip()
        for stop in until:
            text = text.split(stop)[0]
        return text


def _open(
    pretrained: str | os.PathLike[str], adapter: str, store: str | os.PathLike[str], threads: int, dtype: str
) -> tuple[whorl.InferenceEngine, str]:
    folder = Path(__file__).parent / "data" / "demo_base" if str(pretrained) == "demo" else Path(pretrained)
    if not folder.is_dir():
        raise ValueError(
            f"[whorl.lm_eval] no folder '{pretrained}'; give the path of a Hugging Face folder: nothing is fetched"
        )
    model = whorl.Model.load(folder, threads=threads, dtype=dtype)
    if store:
        engine = whorl.InferenceEngine(model, whorl.AdapterStore(store, create=False))
    else:
        engine = whorl.InferenceEngine(model)
    if adapter and (Path(adapter) / "adapter_config.json").is_file():
        engine.add_adapter("adapter", whorl.Adapter.load(adapter))
        return engine, "adapter"
    return engine, adapter


def _without_turn_end(text: str, last: str) -> str:
    end = text.rfind(last.rstrip()) if last.strip() else -1
    return text[: end + len(last.rstrip())] if end >= 0 else text


def _template_source(folder: str | os.PathLike[str]) -> str:
    for name in ("chat_template.jinja", "tokenizer_config.json"):
        path = Path(folder) / name
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            found = text if name.endswith(".jinja") else json.loads(text).get("chat_template")
            if isinstance(found, list):
                found = next((t["template"] for t in found if t.get("name") == "default"), None)
            if found:
                return found
    return ""


def main() -> None:
    """`python -m whorl.lm_eval …`: the harness' own command line, with "whorl" among its models."""
    try:
        from lm_eval.__main__ import cli_evaluate
    except ImportError:  # pragma: no cover - an older layout of the harness
        from lm_eval._cli import cli_evaluate
    cli_evaluate()


if __name__ == "__main__":
    main()
