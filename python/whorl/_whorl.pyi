"""
The C++ library's public headers, one for one. Import `whorl`, not this.
"""
from __future__ import annotations
import collections.abc
import numpy
import os
import pathlib
import typing
import whorl._stream
__all__: list[str] = ['Adapter', 'AdapterModule', 'AdapterSaveOptions', 'AdapterStore', 'AdapterVersion', 'Dataset', 'DatasetSplit', 'DeduplicateOptions', 'EncodedRow', 'EngineOptions', 'EngineStats', 'EvaluateOptions', 'EvaluateResult', 'Evaluator', 'FullTrainOptions', 'FullTrainResult', 'GarbageReport', 'GenerateRequest', 'GenerateResult', 'Generation', 'InferenceEngine', 'LengthOptions', 'Likelihood', 'LikelihoodRequest', 'LoadOptions', 'LoraOptions', 'Message', 'Model', 'ModelConfig', 'ModelOptions', 'PiiOptions', 'Preview', 'Progress', 'PublishOptions', 'RenderOptions', 'Row', 'RowChange', 'RowScore', 'SamplingOptions', 'Score', 'StoreOptions', 'StoreProblem', 'StoreReport', 'StoreWatch', 'StreamEvent', 'TokenLogprob', 'Tool', 'ToolCall', 'TrainOptions', 'TrainPlan', 'TrainResult', 'Trainer', 'exact_match', 'function_name_and_args_match', 'function_name_match', 'info', 'set_log_sink', 'summarize', 'token_f1', 'train_all_weights', 'version']
class ToolCall:
    """
    One call of a tool by the assistant.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, name: str, arguments: str | dict = '{}', id: str = '') -> None:
        ...
    def __repr__(self) -> str:
        ...
    def __setstate__(self, arg0: dict) -> None:
        ...
    def parsed(self) -> typing.Any:
        """
        The arguments as Python values: json.loads(arguments).
        """
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def arguments(self) -> str:
        """
        a JSON object as text, spelled as the model did
        """
    @arguments.setter
    def arguments(self, arg1: typing.Any) -> None:
        ...
    @property
    def id(self) -> str:
        """
        links the answer of the tool to the call
        """
    @id.setter
    def id(self, arg1: str) -> None:
        ...
    @property
    def name(self) -> str:
        """
        the function
        """
    @name.setter
    def name(self, arg1: str) -> None:
        ...
class Tool:
    """
    A function that the assistant may call.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, name: str, description: str = '', parameters: str | dict = '') -> None:
        ...
    def __repr__(self) -> str:
        ...
    def __setstate__(self, arg0: dict) -> None:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def description(self) -> str:
        """
        what it does
        """
    @description.setter
    def description(self, arg1: str) -> None:
        ...
    @property
    def name(self) -> str:
        """
        the function
        """
    @name.setter
    def name(self, arg1: str) -> None:
        ...
    @property
    def parameters(self) -> str:
        """
        a JSON Schema as text; "" = no parameters
        """
    @parameters.setter
    def parameters(self, arg1: typing.Any) -> None:
        ...
class Message:
    """
    One message of a conversation; wherever one is expected, a dict with the same keys does as well.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, role: str, content: str = '', tool_calls: list[ToolCall | dict] = [], tool_call_id: str = '', name: str = '', reasoning_content: str = '', train: bool | None = None) -> None:
        ...
    def __repr__(self) -> str:
        ...
    def __setstate__(self, arg0: dict) -> None:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def content(self) -> str:
        """
        the text
        """
    @content.setter
    def content(self, arg1: str) -> None:
        ...
    @property
    def name(self) -> str:
        """
        tool: the function that answered
        """
    @name.setter
    def name(self, arg1: str) -> None:
        ...
    @property
    def reasoning_content(self) -> str:
        """
        assistant only
        """
    @reasoning_content.setter
    def reasoning_content(self, arg1: str) -> None:
        ...
    @property
    def role(self) -> str:
        """
        "system", "user", "assistant", "tool", or what the chat template accepts
        """
    @role.setter
    def role(self, arg1: str) -> None:
        ...
    @property
    def tool_call_id(self) -> str:
        """
        tool only
        """
    @tool_call_id.setter
    def tool_call_id(self, arg1: str) -> None:
        ...
    @property
    def tool_calls(self) -> list[ToolCall]:
        """
        assistant only
        """
    @tool_calls.setter
    def tool_calls(self, arg1: typing.Any) -> None:
        ...
    @property
    def train(self) -> bool | None:
        """
        overrides whether training learns this message; None = assistant turns only
        """
    @train.setter
    def train(self, arg1: typing.Any) -> None:
        ...
class Score:
    """
    A quantity with its uncertainty.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __repr__(self) -> str:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def ci_high(self) -> float:
        """
        upper end of the 95 % confidence interval
        """
    @property
    def ci_low(self) -> float:
        """
        lower end of the 95 % confidence interval
        """
    @property
    def method(self) -> str:
        """
        how the interval was computed
        """
    @property
    def n(self) -> int:
        """
        rows counted
        """
    @property
    def stderr(self) -> float:
        """
        standard error of value
        """
    @property
    def value(self) -> float:
        """
        the quantity
        """
class AdapterModule:
    """
    One adapted linear.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __repr__(self) -> str:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def alpha(self) -> float:
        """
        after alpha_pattern
        """
    @property
    def inputs(self) -> int:
        """
        columns of A
        """
    @property
    def name(self) -> str:
        """
        as the base model calls it: "model.layers.0.self_attn.q_proj"
        """
    @property
    def outputs(self) -> int:
        """
        rows of B
        """
    @property
    def rank(self) -> int:
        """
        rows of A
        """
    @property
    def scale(self) -> float:
        """
        alpha / rank, or alpha / sqrt(rank) with rank-stabilised LoRA
        """
class AdapterSaveOptions:
    """
    How an adapter is written.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, dtype: str = 'float32') -> None:
        """
        How an adapter is written.

        Fields:
          dtype: "float32" keeps every bit; "bfloat16" halves the file and rounds (default 'float32')
        """
    def __repr__(self) -> str:
        ...
    def __setstate__(self, arg0: dict) -> None:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def dtype(self) -> str:
        """
        "float32" keeps every bit; "bfloat16" halves the file and rounds
        """
    @dtype.setter
    def dtype(self, arg1: str) -> None:
        ...
class Adapter:
    """
    A LoRA adapter as data: W x + scale * B (A x) for every adapted linear W. Immutable.
    """
    @staticmethod
    def load(folder: os.PathLike | str | bytes) -> Adapter:
        """
        Reads a PEFT folder (adapter_config.json, adapter_model.safetensors), checked whole before use. Raises
        ValueError for contents that are not plain LoRA, RuntimeError for what the disk refuses.

        >>> adapter = whorl.Adapter.load("adapters/tickets")
        """
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __hash__(self) -> int:
        ...
    def __repr__(self) -> str:
        ...
    def config_json(self) -> str:
        """
        adapter_config.json as save() writes it.
        """
    def delta_norms(self) -> dict[str, float]:
        """
        Frobenius norm of scale * B A by linear: how far the adapter moves each.
        """
    def save(self, folder: os.PathLike | str, *, options: AdapterSaveOptions | None = None, dtype: str = 'float32') -> None:
        """
        Writes a PEFT folder, durably. The same adapter gives the same bytes.

        >>> adapter.save("adapters/tickets")

        Options:
          dtype: "float32" keeps every bit; "bfloat16" halves the file and rounds (default 'float32')
        """
    def tensor(self, name: str) -> numpy.ndarray:
        """
        One tensor as float32, by its name in the file.
        """
    def tensor_shapes(self) -> dict[str, list[int]]:
        """
        Shape of every tensor by its name in the file.
        """
    def with_metadata(self, metadata: collections.abc.Mapping[str, str]) -> Adapter:
        """
        The same adapter with other metadata.
        """
    @property
    def alpha(self) -> float:
        """
        The configuration's lora_alpha.
        """
    @property
    def base_model(self) -> str:
        """
        base_model_name_or_path, '' if unknown.
        """
    @property
    def digest(self) -> str:
        """
        SHA-256 over what the adapter computes: equal digests mean equal adapters.
        """
    @property
    def memory_bytes(self) -> int:
        ...
    @property
    def metadata(self) -> dict[str, str]:
        """
        Free text that travels with the file.
        """
    @property
    def modules(self) -> list[AdapterModule]:
        """
        The adapted linears, sorted by name.
        """
    @property
    def parameter_count(self) -> int:
        ...
    @property
    def rank(self) -> int:
        """
        The configuration's r; see modules for each linear's own.
        """
    @property
    def target_modules(self) -> list[str]:
        """
        Names, endings, or ["all-linear"].
        """
    @property
    def use_rslora(self) -> bool:
        ...
    @property
    def warnings(self) -> list[str]:
        """
        What was read but has no effect here.
        """
class ModelConfig:
    """
    What config.json says, under Hugging Face's own names.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, model_type: str = 'llama', vocab_size: int = 0, hidden_size: int = 0, intermediate_size: int = 0, num_hidden_layers: int = 0, num_attention_heads: int = 0, num_key_value_heads: int = 0, head_dim: int = 0, max_position_embeddings: int = 2048, rms_norm_eps: float = 1e-06, rope_theta: float = 10000.0, rope_scaling: str | dict | list | None = '', sliding_window: int = 0, tie_word_embeddings: bool = False, attention_bias: bool = False, torch_dtype: str = 'float32', bos_token_id: int = -1, eos_token_ids: list[int] = [], initializer_range: float = 0.02) -> None:
        """
        What config.json says, under Hugging Face's own names.

        Fields:
          model_type: "llama", "mistral", "qwen2" or "qwen3" (default 'llama')
          vocab_size: tokens; 0 = the tokenizer's (default 0)
          hidden_size: width of the residual (default 0)
          intermediate_size: width of the MLP (default 0)
          num_hidden_layers: layers (default 0)
          num_attention_heads: query heads (default 0)
          num_key_value_heads: key and value heads; 0 = num_attention_heads (default 0)
          head_dim: size of a head; 0 = hidden_size / num_attention_heads (default 0)
          max_position_embeddings: longest sequence, in tokens (default 2048)
          rms_norm_eps: added to the mean square before its root (default 1e-06)
          rope_theta: base of the rotary frequencies (default 10000.0)
          rope_scaling: config.json's field, as JSON; "" = none (default '')
          sliding_window: Mistral: keys that a query sees; 0 = all (default 0)
          tie_word_embeddings: the head is the embedding table (default False)
          attention_bias: biases of q, k and v (default False)
          torch_dtype: how weights are stored: "float32" or "bfloat16" (default 'float32')
          bos_token_id: first token of a text; -1 = none (default -1)
          eos_token_ids: any of them ends a generation (default [])
          initializer_range: standard deviation of new weights; narrow models learn sooner with 1 / sqrt(hidden_size) (default 0.02)
        """
    def __repr__(self) -> str:
        ...
    def __setstate__(self, arg0: dict) -> None:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def attention_bias(self) -> bool:
        """
        biases of q, k and v
        """
    @attention_bias.setter
    def attention_bias(self, arg1: bool) -> None:
        ...
    @property
    def bos_token_id(self) -> int:
        """
        first token of a text; -1 = none
        """
    @bos_token_id.setter
    def bos_token_id(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def eos_token_ids(self) -> list[int]:
        """
        any of them ends a generation
        """
    @eos_token_ids.setter
    def eos_token_ids(self, arg1: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> None:
        ...
    @property
    def head_dim(self) -> int:
        """
        size of a head; 0 = hidden_size / num_attention_heads
        """
    @head_dim.setter
    def head_dim(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def hidden_size(self) -> int:
        """
        width of the residual
        """
    @hidden_size.setter
    def hidden_size(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def initializer_range(self) -> float:
        """
        standard deviation of new weights; narrow models learn sooner with 1 / sqrt(hidden_size)
        """
    @initializer_range.setter
    def initializer_range(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def intermediate_size(self) -> int:
        """
        width of the MLP
        """
    @intermediate_size.setter
    def intermediate_size(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def max_position_embeddings(self) -> int:
        """
        longest sequence, in tokens
        """
    @max_position_embeddings.setter
    def max_position_embeddings(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def model_type(self) -> str:
        """
        "llama", "mistral", "qwen2" or "qwen3"
        """
    @model_type.setter
    def model_type(self, arg1: str) -> None:
        ...
    @property
    def num_attention_heads(self) -> int:
        """
        query heads
        """
    @num_attention_heads.setter
    def num_attention_heads(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def num_hidden_layers(self) -> int:
        """
        layers
        """
    @num_hidden_layers.setter
    def num_hidden_layers(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def num_key_value_heads(self) -> int:
        """
        key and value heads; 0 = num_attention_heads
        """
    @num_key_value_heads.setter
    def num_key_value_heads(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def rms_norm_eps(self) -> float:
        """
        added to the mean square before its root
        """
    @rms_norm_eps.setter
    def rms_norm_eps(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def rope_scaling(self) -> str:
        """
        config.json's field, as JSON; "" = none
        """
    @rope_scaling.setter
    def rope_scaling(self, arg1: typing.Any) -> None:
        ...
    @property
    def rope_theta(self) -> float:
        """
        base of the rotary frequencies
        """
    @rope_theta.setter
    def rope_theta(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def sliding_window(self) -> int:
        """
        Mistral: keys that a query sees; 0 = all
        """
    @sliding_window.setter
    def sliding_window(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def tie_word_embeddings(self) -> bool:
        """
        the head is the embedding table
        """
    @tie_word_embeddings.setter
    def tie_word_embeddings(self, arg1: bool) -> None:
        ...
    @property
    def torch_dtype(self) -> str:
        """
        how weights are stored: "float32" or "bfloat16"
        """
    @torch_dtype.setter
    def torch_dtype(self, arg1: str) -> None:
        ...
    @property
    def vocab_size(self) -> int:
        """
        tokens; 0 = the tokenizer's
        """
    @vocab_size.setter
    def vocab_size(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
class ModelOptions:
    """
    Where and how a model computes.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, device: str = 'cpu', threads: int = 0, dtype: str = 'auto') -> None:
        """
        Where and how a model computes.

        Fields:
          device: where it computes (default 'cpu')
          threads: 0 = all CPUs this process may use (default 0)
          dtype: "auto" keeps the stored precision; "float32" widens; "bfloat16" halves memory (default 'auto')
        """
    def __repr__(self) -> str:
        ...
    def __setstate__(self, arg0: dict) -> None:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def device(self) -> str:
        """
        where it computes
        """
    @device.setter
    def device(self, arg1: str) -> None:
        ...
    @property
    def dtype(self) -> str:
        """
        "auto" keeps the stored precision; "float32" widens; "bfloat16" halves memory
        """
    @dtype.setter
    def dtype(self, arg1: str) -> None:
        ...
    @property
    def threads(self) -> int:
        """
        0 = all CPUs this process may use
        """
    @threads.setter
    def threads(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
class RenderOptions:
    """
    How a conversation is rendered.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, add_generation_prompt: bool = True, variables: str | dict | list | None = '') -> None:
        """
        How a conversation is rendered.

        Fields:
          add_generation_prompt: end with the header of an assistant turn, for generation (default True)
          variables: extra template variables, e.g. {"enable_thinking": false} (default '')
        """
    def __repr__(self) -> str:
        ...
    def __setstate__(self, arg0: dict) -> None:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def add_generation_prompt(self) -> bool:
        """
        end with the header of an assistant turn, for generation
        """
    @add_generation_prompt.setter
    def add_generation_prompt(self, arg1: bool) -> None:
        ...
    @property
    def variables(self) -> str:
        """
        extra template variables, e.g. {"enable_thinking": false}
        """
    @variables.setter
    def variables(self, arg1: typing.Any) -> None:
        ...
class Model:
    """
    A frozen decoder-only transformer with its tokenizer and chat template. Weights are held once and
    shared by every trainer and engine that is given this object. Safe from several threads.
    """
    @staticmethod
    def create(config: ModelConfig, seed: int, tokenizer_folder: os.PathLike | str = '', *, options: ModelOptions | None = None, device: str = 'cpu', threads: int = 0, dtype: str = 'auto') -> Model:
        """
        New weights from `seed`. `tokenizer_folder` holds tokenizer.json and perhaps a chat template; '' = token ids only.

        >>> config = whorl.ModelConfig(vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=1,
        ...                            num_attention_heads=2)
        >>> model = whorl.Model.create(config, seed=1)

        Options:
          device: where it computes (default 'cpu')
          threads: 0 = all CPUs this process may use (default 0)
          dtype: "auto" keeps the stored precision; "float32" widens; "bfloat16" halves memory (default 'auto')
        """
    @staticmethod
    def load(folder: os.PathLike | str, *, options: ModelOptions | None = None, device: str = 'cpu', threads: int = 0, dtype: str = 'auto') -> Model:
        """
        Reads a Hugging Face folder: config.json, model.safetensors (or shards with their index), tokenizer.json,
        tokenizer_config.json or chat_template.jinja, generation_config.json. Raises ValueError naming what Whorl would
        not compute exactly; nothing stays half loaded.

        >>> model = whorl.Model.load("models/base", threads=2)

        Options:
          device: where it computes (default 'cpu')
          threads: 0 = all CPUs this process may use (default 0)
          dtype: "auto" keeps the stored precision; "float32" widens; "bfloat16" halves memory (default 'auto')
        """
    def __repr__(self) -> str:
        ...
    def apply_chat_template(self, messages: list[Message | dict], tools: list[Tool | dict] | None = None, *, options: RenderOptions | None = None, add_generation_prompt: bool = True, variables: str | dict | list | None = '') -> str:
        """
        The conversation as the model reads it, by the model's own template.

        >>> text = model.apply_chat_template([{"role": "user", "content": "Hello"}])

        Options:
          add_generation_prompt: end with the header of an assistant turn, for generation (default True)
          variables: extra template variables, e.g. {"enable_thinking": false} (default '')
        """
    def decode(self, ids: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], *, skip_special_tokens: bool = True) -> str:
        """
        The text of token ids.

        >>> model.decode(model.encode("Hello"))
        'Hello'
        """
    def encode(self, text: str, *, add_special_tokens: bool = True) -> list[int]:
        """
        Token ids of a text. add_special_tokens: with what the tokenizer puts around a text (usually BOS).

        >>> ids = model.encode("Hello")
        """
    def logits(self, ids: list[int], adapter: Adapter | None = None) -> numpy.ndarray:
        """
        Logits [tokens, vocab_size] after each token, float32. Holds them all: for tests and analysis.

        >>> model.logits([1, 2, 3]).shape
        (3, 64)
        """
    def save(self, folder: os.PathLike | str | bytes, *, dtype: str = 'auto') -> None:
        """
        Writes the same layout, durably and atomically. dtype: "auto" keeps the stored precision, or "float32",
        "bfloat16".

        >>> model.save("models/copy")
        """
    def save_merged(self, folder: os.PathLike | str | bytes, adapter: Adapter, *, dtype: str = 'auto') -> None:
        """
        Writes the model with W + scale * B A in place of every adapted W.

        >>> model.save_merged("models/merged", adapter)
        """
    @property
    def config(self) -> ModelConfig:
        """
        config.json's fields.
        """
    @property
    def device(self) -> str:
        """
        For people: "cpu (avx512)".
        """
    @property
    def digest(self) -> str:
        """
        SHA-256 over configuration and weights, hex.
        """
    @property
    def has_chat_template(self) -> bool:
        ...
    @property
    def has_tokenizer(self) -> bool:
        ...
    @property
    def linear_names(self) -> list[str]:
        """
        What target_modules can name, e.g. "model.layers.0.mlp.up_proj".
        """
    @property
    def memory_bytes(self) -> int:
        """
        Bytes of the packed weights.
        """
    @property
    def parameter_count(self) -> int:
        ...
    @property
    def path(self) -> pathlib.Path:
        """
        Where it was loaded from, or an empty path.
        """
class LoadOptions:
    """
    How rows are read.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, format: str = 'auto', on_bad_row: str = 'error', alpaca_prompt: str = 'template', max_line_bytes: int = 16777216) -> None:
        """
        How rows are read.

        Fields:
          format: "auto", "messages", "prompt_completion", "alpaca", "sharegpt" or "text" (default 'auto')
          on_bad_row: "error" lists every bad row; "drop" leaves them out and counts them (default 'error')
          alpaca_prompt: "template" or "stanford" (the original preamble) (default 'template')
          max_line_bytes: a longer line is an error (default 16777216)
        """
    def __repr__(self) -> str:
        ...
    def __setstate__(self, arg0: dict) -> None:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def alpaca_prompt(self) -> str:
        """
        "template" or "stanford" (the original preamble)
        """
    @alpaca_prompt.setter
    def alpaca_prompt(self, arg1: str) -> None:
        ...
    @property
    def format(self) -> str:
        """
        "auto", "messages", "prompt_completion", "alpaca", "sharegpt" or "text"
        """
    @format.setter
    def format(self, arg1: str) -> None:
        ...
    @property
    def max_line_bytes(self) -> int:
        """
        a longer line is an error
        """
    @max_line_bytes.setter
    def max_line_bytes(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def on_bad_row(self) -> str:
        """
        "error" lists every bad row; "drop" leaves them out and counts them
        """
    @on_bad_row.setter
    def on_bad_row(self, arg1: str) -> None:
        ...
class Row:
    """
    One row of data.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, messages: list[Message | dict] = [], tools: list[Tool | dict] = [], prompt: str = '', completion: str = '', text: str = '', source: str = '', extra: str | dict | list | None = '') -> None:
        """
        One row of data.

        Fields:
          messages: the conversation; empty for text and prompt/completion rows (default [])
          tools: what the assistant may call (default [])
          prompt: prompt/completion rows (default '')
          completion: prompt/completion rows (default '')
          text: text rows (default '')
          source: where it came from: "tickets.jsonl:17" (default '')
          extra: columns that the format does not use, as a JSON object (default '')
        """
    def __repr__(self) -> str:
        ...
    def __setstate__(self, arg0: dict) -> None:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def completion(self) -> str:
        """
        prompt/completion rows
        """
    @completion.setter
    def completion(self, arg1: str) -> None:
        ...
    @property
    def extra(self) -> str:
        """
        columns that the format does not use, as a JSON object
        """
    @extra.setter
    def extra(self, arg1: typing.Any) -> None:
        ...
    @property
    def messages(self) -> list[Message]:
        """
        the conversation; empty for text and prompt/completion rows
        """
    @messages.setter
    def messages(self, arg1: typing.Any) -> None:
        ...
    @property
    def prompt(self) -> str:
        """
        prompt/completion rows
        """
    @prompt.setter
    def prompt(self, arg1: str) -> None:
        ...
    @property
    def source(self) -> str:
        """
        where it came from: "tickets.jsonl:17"
        """
    @source.setter
    def source(self, arg1: str) -> None:
        ...
    @property
    def text(self) -> str:
        """
        text rows
        """
    @text.setter
    def text(self, arg1: str) -> None:
        ...
    @property
    def tools(self) -> list[Tool]:
        """
        what the assistant may call
        """
    @tools.setter
    def tools(self, arg1: typing.Any) -> None:
        ...
class PiiOptions:
    """
    Which personal data, and what happens to it.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, entities: str | list[str] = [], mode: str = 'mask') -> None:
        """
        Which personal data, and what happens to it.

        Fields:
          entities: empty = all: EMAIL, PHONE, CREDIT_CARD, IBAN, IP_ADDRESS, US_SSN, URL (default [])
          mode: "mask" writes <EMAIL>; "drop" leaves the row out; "report" counts only (default 'mask')
        """
    def __repr__(self) -> str:
        ...
    def __setstate__(self, arg0: dict) -> None:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def entities(self) -> list[str]:
        """
        empty = all: EMAIL, PHONE, CREDIT_CARD, IBAN, IP_ADDRESS, US_SSN, URL
        """
    @entities.setter
    def entities(self, arg1: collections.abc.Sequence[str]) -> None:
        ...
    @property
    def mode(self) -> str:
        """
        "mask" writes <EMAIL>; "drop" leaves the row out; "report" counts only
        """
    @mode.setter
    def mode(self, arg1: str) -> None:
        ...
class DeduplicateOptions:
    """
    When two rows are the same.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, exact: bool = True, near: bool = True, threshold: float = 0.8, shingle_words: int = 3, permutations: int = 128, field: str = 'all', seed: int = 1) -> None:
        """
        When two rows are the same.

        Fields:
          exact: equal after folding white space and case (default True)
          near: MinHash over word shingles; candidates are verified (default True)
          threshold: Jaccard similarity at or above which rows are the same (default 0.8)
          shingle_words: longer: stricter on word order (default 3)
          permutations: more: surer, slower (default 128)
          field: "all", "prompt" (user and system turns) or "completion" (default 'all')
          seed: of the permutations (default 1)
        """
    def __repr__(self) -> str:
        ...
    def __setstate__(self, arg0: dict) -> None:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def exact(self) -> bool:
        """
        equal after folding white space and case
        """
    @exact.setter
    def exact(self, arg1: bool) -> None:
        ...
    @property
    def field(self) -> str:
        """
        "all", "prompt" (user and system turns) or "completion"
        """
    @field.setter
    def field(self, arg1: str) -> None:
        ...
    @property
    def near(self) -> bool:
        """
        MinHash over word shingles; candidates are verified
        """
    @near.setter
    def near(self, arg1: bool) -> None:
        ...
    @property
    def permutations(self) -> int:
        """
        more: surer, slower
        """
    @permutations.setter
    def permutations(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def seed(self) -> int:
        """
        of the permutations
        """
    @seed.setter
    def seed(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def shingle_words(self) -> int:
        """
        longer: stricter on word order
        """
    @shingle_words.setter
    def shingle_words(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def threshold(self) -> float:
        """
        Jaccard similarity at or above which rows are the same
        """
    @threshold.setter
    def threshold(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
class LengthOptions:
    """
    How long a rendered row may be, in tokens.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, min_tokens: int = 1, max_tokens: int = 0) -> None:
        """
        How long a rendered row may be, in tokens.

        Fields:
          min_tokens: shorter rows go (default 1)
          max_tokens: longer rows go; 0 = the model's max_position_embeddings (default 0)
        """
    def __repr__(self) -> str:
        ...
    def __setstate__(self, arg0: dict) -> None:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def max_tokens(self) -> int:
        """
        longer rows go; 0 = the model's max_position_embeddings
        """
    @max_tokens.setter
    def max_tokens(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def min_tokens(self) -> int:
        """
        shorter rows go
        """
    @min_tokens.setter
    def min_tokens(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
class RowChange:
    """
    What a step did to a row that was not kept as it was.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __repr__(self) -> str:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def action(self) -> str:
        """
        "dropped" or "changed"
        """
    @property
    def reason(self) -> str:
        """
        "exact duplicate of tickets.jsonl:3"
        """
    @property
    def source(self) -> str:
        """
        the row
        """
    @property
    def step(self) -> str:
        """
        "load", "deduplicate", "mask_pii", "limit_length", …
        """
class EncodedRow:
    """
    A tokenised row.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __repr__(self) -> str:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def ids(self) -> list[int]:
        """
        token ids
        """
    @property
    def trained(self) -> list[bool]:
        """
        trained[i]: the loss falls on predicting ids[i]
        """
class Dataset:
    """
    Rows as conversations, whatever file they came from. Immutable: every step returns a new Dataset that shares
    rows with the old one and remembers what was done.
    """
    @staticmethod
    def from_arrow(table: typing.Any, *, options: LoadOptions | None = None, format: str = 'auto', on_bad_row: str = 'error', alpaca_prompt: str = 'template', max_line_bytes: int = 16777216) -> Dataset:
        """
        Any object with __arrow_c_stream__: pyarrow tables and readers, polars and pandas data frames, Hugging Face
        datasets, DuckDB results.

        >>> data = whorl.Dataset.from_arrow(pandas.read_parquet("tickets.parquet"))

        Options:
          format: "auto", "messages", "prompt_completion", "alpaca", "sharegpt" or "text" (default 'auto')
          on_bad_row: "error" lists every bad row; "drop" leaves them out and counts them (default 'error')
          alpaca_prompt: "template" or "stanford" (the original preamble) (default 'template')
          max_line_bytes: a longer line is an error (default 16777216)
        """
    @staticmethod
    def from_jsonl(text: str, source: str = 'memory', *, options: LoadOptions | None = None, format: str = 'auto', on_bad_row: str = 'error', alpaca_prompt: str = 'template', max_line_bytes: int = 16777216) -> Dataset:
        """
        Rows as JSON objects, one a line, named `source` in messages.

        Options:
          format: "auto", "messages", "prompt_completion", "alpaca", "sharegpt" or "text" (default 'auto')
          on_bad_row: "error" lists every bad row; "drop" leaves them out and counts them (default 'error')
          alpaca_prompt: "template" or "stanford" (the original preamble) (default 'template')
          max_line_bytes: a longer line is an error (default 16777216)
        """
    @staticmethod
    def from_list(rows: collections.abc.Iterable[dict], source: str = 'memory', *, options: LoadOptions | None = None, format: str = 'auto', on_bad_row: str = 'error', alpaca_prompt: str = 'template', max_line_bytes: int = 16777216) -> Dataset:
        """
        A dataset of dicts, in any of the formats that a file may have.

        >>> data = whorl.Dataset.from_list([{"prompt": "2 + 2 =", "completion": " 4"}])

        Options:
          format: "auto", "messages", "prompt_completion", "alpaca", "sharegpt" or "text" (default 'auto')
          on_bad_row: "error" lists every bad row; "drop" leaves them out and counts them (default 'error')
          alpaca_prompt: "template" or "stanford" (the original preamble) (default 'template')
          max_line_bytes: a longer line is an error (default 16777216)
        """
    @staticmethod
    def from_rows(rows: collections.abc.Iterable[Row]) -> Dataset:
        """
        A dataset of Row objects as they are.
        """
    @staticmethod
    def load(path: os.PathLike | str, *, options: LoadOptions | None = None, format: str = 'auto', on_bad_row: str = 'error', alpaca_prompt: str = 'template', max_line_bytes: int = 16777216) -> Dataset:
        """
        Reads .jsonl, .json (an array), .csv, .txt, or a folder of these. Errors name file, line and field (ValueError).

        >>> data = whorl.Dataset.load("tickets.jsonl", on_bad_row="drop")

        Options:
          format: "auto", "messages", "prompt_completion", "alpaca", "sharegpt" or "text" (default 'auto')
          on_bad_row: "error" lists every bad row; "drop" leaves them out and counts them (default 'error')
          alpaca_prompt: "template" or "stanford" (the original preamble) (default 'template')
          max_line_bytes: a longer line is an error (default 16777216)
        """
    def __add__(self, arg0: Dataset) -> Dataset:
        ...
    @typing.overload
    def __getitem__(self, i: typing.SupportsInt | typing.SupportsIndex) -> Row:
        ...
    @typing.overload
    def __getitem__(self, rows: slice) -> Dataset:
        ...
    def __len__(self) -> int:
        ...
    def __repr__(self) -> str:
        ...
    def account(self) -> typing.Any:
        """
        Rows kept, dropped and changed, per step and reason.

        >>> data.account()["kept"]
        """
    def concat(self, other: Dataset) -> Dataset:
        """
        These rows, then those of `other`; `a + b` is the same.
        """
    def deduplicate(self, *, options: DeduplicateOptions | None = None, exact: bool = True, near: bool = True, threshold: float = 0.8, shingle_words: int = 3, permutations: int = 128, field: str = 'all', seed: int = 1) -> Dataset:
        """
        Without exact and near duplicates; the first of each stays.

        >>> data = data.deduplicate(threshold=0.7)

        Options:
          exact: equal after folding white space and case (default True)
          near: MinHash over word shingles; candidates are verified (default True)
          threshold: Jaccard similarity at or above which rows are the same (default 0.8)
          shingle_words: longer: stricter on word order (default 3)
          permutations: more: surer, slower (default 128)
          field: "all", "prompt" (user and system turns) or "completion" (default 'all')
          seed: of the permutations (default 1)
        """
    def describe(self, model: Model | None = None) -> typing.Any:
        """
        Counts, format and account; with a model also tokens, the share that is trained, and a histogram of lengths.
        """
    def encode(self, model: Model, row: typing.SupportsInt | typing.SupportsIndex) -> EncodedRow:
        """
        A row as the trainer sees it: token ids, and which of them are learnt.

        >>> data.encode(model, 0).ids
        """
    def limit_length(self, model: Model, *, options: LengthOptions | None = None, min_tokens: int = 1, max_tokens: int = 0) -> Dataset:
        """
        Without rows whose rendered length in tokens is outside the limits.

        Options:
          min_tokens: shorter rows go (default 1)
          max_tokens: longer rows go; 0 = the model's max_position_embeddings (default 0)
        """
    def mask_pii(self, *, options: PiiOptions | None = None, entities: str | list[str] = [], mode: str = 'mask') -> Dataset:
        """
        With personal data masked, dropped or counted.

        >>> data = data.mask_pii(entities=["EMAIL"])

        Options:
          entities: empty = all: EMAIL, PHONE, CREDIT_CARD, IBAN, IP_ADDRESS, US_SSN, URL (default [])
          mode: "mask" writes <EMAIL>; "drop" leaves the row out; "report" counts only (default 'mask')
        """
    def preview(self, model: Model, row: typing.SupportsInt | typing.SupportsIndex) -> Preview:
        """
        A row's rendered text with the byte ranges that will be learnt.
        """
    def save(self, jsonl: os.PathLike | str | bytes) -> None:
        """
        Writes the canonical rows, one JSON object a line.
        """
    def select(self, rows: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> Dataset:
        """
        The rows with these indices, in this order.
        """
    def shuffle(self, seed: typing.SupportsInt | typing.SupportsIndex) -> Dataset:
        """
        The rows in an order drawn by `seed`.
        """
    def split(self, fraction: typing.SupportsFloat | typing.SupportsIndex, *, seed: typing.SupportsInt | typing.SupportsIndex = 0, group_by: str = '') -> DatasetSplit:
        """
        Two parts: `train` with round(fraction * len) rows and `valid` with the rest. group_by: a key of Row.extra whose
        equal values stay together.

        >>> train, valid = data.split(0.9, seed=1)
        """
    def take(self, n: typing.SupportsInt | typing.SupportsIndex) -> Dataset:
        """
        The first n rows.
        """
    @property
    def changes(self) -> list[RowChange]:
        """
        All that was dropped or changed since the file was read, in order.
        """
    @property
    def digest(self) -> str:
        """
        SHA-256 of the canonical rows, hex.
        """
    @property
    def format(self) -> str:
        """
        Detected or given.
        """
    @property
    def format_reason(self) -> str:
        """
        Why this format was detected.
        """
class Preview:
    """
    A rendered row with its trained ranges.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __repr__(self) -> str:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def text(self) -> str:
        """
        the rendered row
        """
    @property
    def trained(self) -> list[tuple[int, int]]:
        """
        what will be learnt, as byte ranges of the UTF-8 text
        """
class DatasetSplit:
    """
    train and valid; unpacks into the two.
    """
    def __iter__(self) -> collections.abc.Iterator:
        ...
    @property
    def train(self) -> Dataset:
        ...
    @property
    def valid(self) -> Dataset:
        ...
class AdapterVersion:
    """
    One published version.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __repr__(self) -> str:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def bytes(self) -> int:
        """
        of its files
        """
    @property
    def created(self) -> int:
        """
        seconds since 1970
        """
    @property
    def digest(self) -> str:
        """
        Adapter.digest
        """
    @property
    def latest(self) -> bool:
        """
        what get(name) returns at the time of asking
        """
    @property
    def metadata(self) -> dict[str, str]:
        """
        as given to publish()
        """
    @property
    def name(self) -> str:
        """
        the adapter
        """
    @property
    def rank(self) -> int:
        """
        the configuration's r
        """
    @property
    def version(self) -> int:
        """
        1, 2, 3, …
        """
class PublishOptions:
    """
    How a version is published.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, metadata: dict[str, str] = {}, promote: bool = True, dtype: str = 'float32') -> None:
        """
        How a version is published.

        Fields:
          metadata: free text kept with the version (default {})
          promote: make it latest; False to evaluate it first and promote() later (default True)
          dtype: "bfloat16" halves the bytes, and rounds; folders are kept as they are (default 'float32')
        """
    def __repr__(self) -> str:
        ...
    def __setstate__(self, arg0: dict) -> None:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def dtype(self) -> str:
        """
        "bfloat16" halves the bytes, and rounds; folders are kept as they are
        """
    @dtype.setter
    def dtype(self, arg1: str) -> None:
        ...
    @property
    def metadata(self) -> dict[str, str]:
        """
        free text kept with the version
        """
    @metadata.setter
    def metadata(self, arg1: typing.Any) -> None:
        ...
    @property
    def promote(self) -> bool:
        """
        make it latest; False to evaluate it first and promote() later
        """
    @promote.setter
    def promote(self, arg1: bool) -> None:
        ...
class StoreOptions:
    """
    How a store is opened.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, create: bool = True, poll_interval: float = 0.1, foreign_grace: float = 3600.0) -> None:
        """
        How a store is opened.

        Fields:
          create: False: a folder that is no store is an error (default True)
          poll_interval: seconds between two looks of a watch (default 0.1)
          foreign_grace: seconds until leftovers of other machines are collected (default 3600.0)
        """
    def __repr__(self) -> str:
        ...
    def __setstate__(self, arg0: dict) -> None:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def create(self) -> bool:
        """
        False: a folder that is no store is an error
        """
    @create.setter
    def create(self, arg1: bool) -> None:
        ...
    @property
    def foreign_grace(self) -> float:
        """
        seconds until leftovers of other machines are collected
        """
    @foreign_grace.setter
    def foreign_grace(self, arg1: typing.Any) -> None:
        ...
    @property
    def poll_interval(self) -> float:
        """
        seconds between two looks of a watch
        """
    @poll_interval.setter
    def poll_interval(self, arg1: typing.Any) -> None:
        ...
class StoreProblem:
    """
    What verify() found wrong with one file.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __repr__(self) -> str:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def path(self) -> str:
        """
        beneath the store
        """
    @property
    def what(self) -> str:
        """
        what is wrong
        """
class StoreReport:
    """
    What verify() found.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __repr__(self) -> str:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def bytes(self) -> int:
        """
        compared
        """
    @property
    def files(self) -> int:
        """
        compared
        """
    @property
    def ok(self) -> bool:
        """
        no problems
        """
    @property
    def problems(self) -> list[StoreProblem]:
        """
        empty = all is well
        """
    @property
    def versions(self) -> int:
        """
        compared
        """
class GarbageReport:
    """
    What collect_garbage() removed.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __repr__(self) -> str:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def bytes(self) -> int:
        """
        that they held
        """
    @property
    def removed(self) -> int:
        """
        files and folders
        """
class StoreWatch:
    """
    A running watch; a context manager. It ends with stop().
    """
    def __enter__(self) -> typing.Any:
        ...
    def __exit__(self, *args) -> None:
        ...
    def stop(self) -> None:
        """
        Returns when no callback runs any more.
        """
class AdapterStore:
    """
    Versions of adapters in one folder, shared by any number of threads and processes. What publish() acknowledged
    survives kill -9 and power loss; a reader sees the old version or the new one.
    """
    def __contains__(self, arg0: str) -> bool:
        ...
    def __init__(self, folder: os.PathLike | str, *, options: StoreOptions | None = None, create: bool = True, poll_interval: float = 0.1, foreign_grace: float = 3600.0) -> None:
        """
        Opens a store, or makes it.

        >>> store = whorl.AdapterStore("store")

        Options:
          create: False: a folder that is no store is an error (default True)
          poll_interval: seconds between two looks of a watch (default 0.1)
          foreign_grace: seconds until leftovers of other machines are collected (default 3600.0)
        """
    def __repr__(self) -> str:
        ...
    def collect_garbage(self) -> GarbageReport:
        """
        Removes what no version needs any more. Safe beside publishers.
        """
    def contains(self, name: str) -> bool:
        """
        Whether it has a version; "name@3" asks for that one. `name in store` is the same.
        """
    def delete_adapter(self, name: str) -> None:
        """
        All versions.
        """
    def delete_version(self, name: str, version: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        Not the latest: promote another first. The number stays used.
        """
    def export_peft(self, name: str, folder: os.PathLike | str | bytes, version: typing.SupportsInt | typing.SupportsIndex = 0) -> None:
        """
        Writes the published PEFT files, byte for byte.
        """
    def get(self, name: str, version: typing.SupportsInt | typing.SupportsIndex = 0) -> Adapter:
        """
        An adapter, compared with its digest. Version 0 is the latest; the name may carry it: "tickets@3".

        >>> adapter = store.get("tickets")
        """
    def list(self) -> list[str]:
        """
        Names with at least one version, sorted.
        """
    def promote(self, name: str, version: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        Makes it latest, durably. Running requests keep what they have.
        """
    def publish(self, name: str, adapter: Adapter | os.PathLike | str, *, options: PublishOptions | None = None, metadata: dict[str, str] = {}, promote: bool = True, dtype: str = 'float32') -> AdapterVersion:
        """
        The next version of `name`: an Adapter, or a PEFT folder kept byte for byte. Durable when it returns.

        >>> store.publish("tickets", runs[0].adapter).version
        1

        Options:
          metadata: free text kept with the version (default {})
          promote: make it latest; False to evaluate it first and promote() later (default True)
          dtype: "bfloat16" halves the bytes, and rounds; folders are kept as they are (default 'float32')
        """
    def resolve(self, name: str, version: typing.SupportsInt | typing.SupportsIndex = 0) -> AdapterVersion:
        """
        What get() would return, without reading it.
        """
    def rollback(self, name: str) -> AdapterVersion:
        """
        Makes latest what it was before the last publish or promote.
        """
    def verify(self) -> StoreReport:
        """
        Reads and compares every file.

        >>> store.verify().ok
        True
        """
    def versions(self, name: str) -> list[AdapterVersion]:
        """
        Ascending.
        """
    def wait_for_change(self, name: str, known: typing.SupportsInt | typing.SupportsIndex, timeout: typing.SupportsFloat | typing.SupportsIndex) -> int:
        """
        Waits until the latest version is another than `known` (0 = none); timeout in seconds. Returns it, or `known`.
        """
    def watch(self, callback: collections.abc.Callable[[AdapterVersion], typing.Any]) -> StoreWatch:
        """
        callback(AdapterVersion), from a thread of its own, once per adapter that is there and whenever a latest moves.
        """
    @property
    def path(self) -> pathlib.Path:
        ...
class LoraOptions:
    """
    One adapter to train; names are PEFT's and TRL's.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, name: str = 'default', rank: int = 8, alpha: float = 16.0, use_rslora: bool = False, dropout: float = 0.0, target_modules: str | list[str] = ['all-linear'], learning_rate: float = 0.0002, weight_decay: float = 0.0, seed: int = 0) -> None:
        """
        One adapter to train; names are PEFT's and TRL's.

        Fields:
          name: names must differ (default 'default')
          rank: more: more capacity, more bytes to serve (default 8)
          alpha: the branch is scaled by alpha / rank (default 16.0)
          use_rslora: scale by alpha / sqrt(rank): keeps large ranks learning (default False)
          dropout: on the adapter's input, training only (default 0.0)
          target_modules: names or endings; "all-linear" = all but the head (default ['all-linear'])
          learning_rate: the schedule's highest (default 0.0002)
          weight_decay: decoupled, as AdamW (default 0.0)
          seed: of the initial A and of dropout; 0 = the run's seed (default 0)
        """
    def __repr__(self) -> str:
        ...
    def __setstate__(self, arg0: dict) -> None:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def alpha(self) -> float:
        """
        the branch is scaled by alpha / rank
        """
    @alpha.setter
    def alpha(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def dropout(self) -> float:
        """
        on the adapter's input, training only
        """
    @dropout.setter
    def dropout(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def learning_rate(self) -> float:
        """
        the schedule's highest
        """
    @learning_rate.setter
    def learning_rate(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def name(self) -> str:
        """
        names must differ
        """
    @name.setter
    def name(self, arg1: str) -> None:
        ...
    @property
    def rank(self) -> int:
        """
        more: more capacity, more bytes to serve
        """
    @rank.setter
    def rank(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def seed(self) -> int:
        """
        of the initial A and of dropout; 0 = the run's seed
        """
    @seed.setter
    def seed(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def target_modules(self) -> list[str]:
        """
        names or endings; "all-linear" = all but the head
        """
    @target_modules.setter
    def target_modules(self, arg1: collections.abc.Sequence[str]) -> None:
        ...
    @property
    def use_rslora(self) -> bool:
        """
        scale by alpha / sqrt(rank): keeps large ranks learning
        """
    @use_rslora.setter
    def use_rslora(self, arg1: bool) -> None:
        ...
    @property
    def weight_decay(self) -> float:
        """
        decoupled, as AdamW
        """
    @weight_decay.setter
    def weight_decay(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
class TrainOptions:
    """
    A training run.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, epochs: float = 1.0, max_steps: int = 0, batch_tokens: int = 0, batch_size: int = 8, gradient_accumulation_steps: int = 1, max_length: int = 0, packing: bool = True, lr_scheduler: str = 'cosine', warmup_ratio: float = 0.0, warmup_steps: int = 0, min_lr_ratio: float = 0.0, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-08, max_grad_norm: float = 1.0, seed: int = 0, eval_steps: int = 0, early_stopping_patience: int = 0, early_stopping_threshold: float = 0.0, keep_best: bool = False, save_steps: int = 0, checkpoint_dir: os.PathLike | str = '', resume: bool = False, metrics_file: os.PathLike | str = '', on_masked_row: str = 'error', on_long_row: str = 'error') -> None:
        """
        A training run.

        Fields:
          epochs: ignored when max_steps > 0 (default 1.0)
          max_steps: optimizer steps (default 0)
          batch_tokens: tokens of a micro-batch, packed; 0 = batch_size * max_length (default 0)
          batch_size: packed rows of max_length a micro-batch (default 8)
          gradient_accumulation_steps: micro-batches an optimizer step (default 1)
          max_length: tokens of a packed row; 0 = min(1024, the model's maximum) (default 0)
          packing: best fit decreasing; sequences never see each other (default True)
          lr_scheduler: "cosine", "linear" or "constant" (default 'cosine')
          warmup_ratio: of all steps (default 0.0)
          warmup_steps: wins over warmup_ratio when > 0 (default 0)
          min_lr_ratio: the schedule ends at this share of the learning rate (default 0.0)
          beta1: AdamW (default 0.9)
          beta2: AdamW (default 0.999)
          epsilon: AdamW (default 1e-08)
          max_grad_norm: per adapter; 0 = no clipping (default 1.0)
          seed: data order, initial weights, dropout (default 0)
          eval_steps: validate every so many optimizer steps; 0 = at the end of each epoch (default 0)
          early_stopping_patience: validations without improvement before an adapter stops; 0 = never (default 0)
          early_stopping_threshold: an improvement is at least this much (default 0.0)
          keep_best: return the weights of the best validation instead of the last (default False)
          save_steps: checkpoint every so many optimizer steps; 0 = only when stopped (default 0)
          checkpoint_dir: empty = no checkpoints (default '')
          resume: continue from checkpoint_dir; no checkpoint there = start anew (default False)
          metrics_file: one JSON object a line; empty = none (default '')
          on_masked_row: a row without a trained token: "error" or "drop" (counted) (default 'error')
          on_long_row: a row longer than max_length: "error", "drop" or "truncate" (default 'error')
        """
    def __repr__(self) -> str:
        ...
    def __setstate__(self, arg0: dict) -> None:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def batch_size(self) -> int:
        """
        packed rows of max_length a micro-batch
        """
    @batch_size.setter
    def batch_size(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def batch_tokens(self) -> int:
        """
        tokens of a micro-batch, packed; 0 = batch_size * max_length
        """
    @batch_tokens.setter
    def batch_tokens(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def beta1(self) -> float:
        """
        AdamW
        """
    @beta1.setter
    def beta1(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def beta2(self) -> float:
        """
        AdamW
        """
    @beta2.setter
    def beta2(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def checkpoint_dir(self) -> pathlib.Path:
        """
        empty = no checkpoints
        """
    @checkpoint_dir.setter
    def checkpoint_dir(self, arg1: os.PathLike | str | bytes) -> None:
        ...
    @property
    def early_stopping_patience(self) -> int:
        """
        validations without improvement before an adapter stops; 0 = never
        """
    @early_stopping_patience.setter
    def early_stopping_patience(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def early_stopping_threshold(self) -> float:
        """
        an improvement is at least this much
        """
    @early_stopping_threshold.setter
    def early_stopping_threshold(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def epochs(self) -> float:
        """
        ignored when max_steps > 0
        """
    @epochs.setter
    def epochs(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def epsilon(self) -> float:
        """
        AdamW
        """
    @epsilon.setter
    def epsilon(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def eval_steps(self) -> int:
        """
        validate every so many optimizer steps; 0 = at the end of each epoch
        """
    @eval_steps.setter
    def eval_steps(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def gradient_accumulation_steps(self) -> int:
        """
        micro-batches an optimizer step
        """
    @gradient_accumulation_steps.setter
    def gradient_accumulation_steps(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def keep_best(self) -> bool:
        """
        return the weights of the best validation instead of the last
        """
    @keep_best.setter
    def keep_best(self, arg1: bool) -> None:
        ...
    @property
    def lr_scheduler(self) -> str:
        """
        "cosine", "linear" or "constant"
        """
    @lr_scheduler.setter
    def lr_scheduler(self, arg1: str) -> None:
        ...
    @property
    def max_grad_norm(self) -> float:
        """
        per adapter; 0 = no clipping
        """
    @max_grad_norm.setter
    def max_grad_norm(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def max_length(self) -> int:
        """
        tokens of a packed row; 0 = min(1024, the model's maximum)
        """
    @max_length.setter
    def max_length(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def max_steps(self) -> int:
        """
        optimizer steps
        """
    @max_steps.setter
    def max_steps(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def metrics_file(self) -> pathlib.Path:
        """
        one JSON object a line; empty = none
        """
    @metrics_file.setter
    def metrics_file(self, arg1: os.PathLike | str | bytes) -> None:
        ...
    @property
    def min_lr_ratio(self) -> float:
        """
        the schedule ends at this share of the learning rate
        """
    @min_lr_ratio.setter
    def min_lr_ratio(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def on_long_row(self) -> str:
        """
        a row longer than max_length: "error", "drop" or "truncate"
        """
    @on_long_row.setter
    def on_long_row(self, arg1: str) -> None:
        ...
    @property
    def on_masked_row(self) -> str:
        """
        a row without a trained token: "error" or "drop" (counted)
        """
    @on_masked_row.setter
    def on_masked_row(self, arg1: str) -> None:
        ...
    @property
    def packing(self) -> bool:
        """
        best fit decreasing; sequences never see each other
        """
    @packing.setter
    def packing(self, arg1: bool) -> None:
        ...
    @property
    def resume(self) -> bool:
        """
        continue from checkpoint_dir; no checkpoint there = start anew
        """
    @resume.setter
    def resume(self, arg1: bool) -> None:
        ...
    @property
    def save_steps(self) -> int:
        """
        checkpoint every so many optimizer steps; 0 = only when stopped
        """
    @save_steps.setter
    def save_steps(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def seed(self) -> int:
        """
        data order, initial weights, dropout
        """
    @seed.setter
    def seed(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def warmup_ratio(self) -> float:
        """
        of all steps
        """
    @warmup_ratio.setter
    def warmup_ratio(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def warmup_steps(self) -> int:
        """
        wins over warmup_ratio when > 0
        """
    @warmup_steps.setter
    def warmup_steps(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
class FullTrainOptions:
    """
    A training run of all weights.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, epochs: float = 1.0, max_steps: int = 0, batch_tokens: int = 0, batch_size: int = 8, gradient_accumulation_steps: int = 1, max_length: int = 0, packing: bool = True, lr_scheduler: str = 'cosine', warmup_ratio: float = 0.0, warmup_steps: int = 0, min_lr_ratio: float = 0.0, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-08, max_grad_norm: float = 1.0, seed: int = 0, eval_steps: int = 0, early_stopping_patience: int = 0, early_stopping_threshold: float = 0.0, keep_best: bool = False, save_steps: int = 0, checkpoint_dir: os.PathLike | str = '', resume: bool = False, metrics_file: os.PathLike | str = '', on_masked_row: str = 'error', on_long_row: str = 'error', learning_rate: float = 0.001, weight_decay: float = 0.1) -> None:
        """
        A training run of all weights.

        Fields:
          epochs: ignored when max_steps > 0 (default 1.0)
          max_steps: optimizer steps (default 0)
          batch_tokens: tokens of a micro-batch, packed; 0 = batch_size * max_length (default 0)
          batch_size: packed rows of max_length a micro-batch (default 8)
          gradient_accumulation_steps: micro-batches an optimizer step (default 1)
          max_length: tokens of a packed row; 0 = min(1024, the model's maximum) (default 0)
          packing: best fit decreasing; sequences never see each other (default True)
          lr_scheduler: "cosine", "linear" or "constant" (default 'cosine')
          warmup_ratio: of all steps (default 0.0)
          warmup_steps: wins over warmup_ratio when > 0 (default 0)
          min_lr_ratio: the schedule ends at this share of the learning rate (default 0.0)
          beta1: AdamW (default 0.9)
          beta2: AdamW (default 0.999)
          epsilon: AdamW (default 1e-08)
          max_grad_norm: per adapter; 0 = no clipping (default 1.0)
          seed: data order, initial weights, dropout (default 0)
          eval_steps: validate every so many optimizer steps; 0 = at the end of each epoch (default 0)
          early_stopping_patience: validations without improvement before an adapter stops; 0 = never (default 0)
          early_stopping_threshold: an improvement is at least this much (default 0.0)
          keep_best: return the weights of the best validation instead of the last (default False)
          save_steps: checkpoint every so many optimizer steps; 0 = only when stopped (default 0)
          checkpoint_dir: empty = no checkpoints (default '')
          resume: continue from checkpoint_dir; no checkpoint there = start anew (default False)
          metrics_file: one JSON object a line; empty = none (default '')
          on_masked_row: a row without a trained token: "error" or "drop" (counted) (default 'error')
          on_long_row: a row longer than max_length: "error", "drop" or "truncate" (default 'error')
          learning_rate: the schedule's highest (default 0.001)
          weight_decay: matrices only, never norms or biases (default 0.1)
        """
    def __repr__(self) -> str:
        ...
    def __setstate__(self, arg0: dict) -> None:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def batch_size(self) -> int:
        """
        packed rows of max_length a micro-batch
        """
    @batch_size.setter
    def batch_size(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def batch_tokens(self) -> int:
        """
        tokens of a micro-batch, packed; 0 = batch_size * max_length
        """
    @batch_tokens.setter
    def batch_tokens(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def beta1(self) -> float:
        """
        AdamW
        """
    @beta1.setter
    def beta1(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def beta2(self) -> float:
        """
        AdamW
        """
    @beta2.setter
    def beta2(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def checkpoint_dir(self) -> pathlib.Path:
        """
        empty = no checkpoints
        """
    @checkpoint_dir.setter
    def checkpoint_dir(self, arg1: os.PathLike | str | bytes) -> None:
        ...
    @property
    def early_stopping_patience(self) -> int:
        """
        validations without improvement before an adapter stops; 0 = never
        """
    @early_stopping_patience.setter
    def early_stopping_patience(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def early_stopping_threshold(self) -> float:
        """
        an improvement is at least this much
        """
    @early_stopping_threshold.setter
    def early_stopping_threshold(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def epochs(self) -> float:
        """
        ignored when max_steps > 0
        """
    @epochs.setter
    def epochs(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def epsilon(self) -> float:
        """
        AdamW
        """
    @epsilon.setter
    def epsilon(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def eval_steps(self) -> int:
        """
        validate every so many optimizer steps; 0 = at the end of each epoch
        """
    @eval_steps.setter
    def eval_steps(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def gradient_accumulation_steps(self) -> int:
        """
        micro-batches an optimizer step
        """
    @gradient_accumulation_steps.setter
    def gradient_accumulation_steps(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def keep_best(self) -> bool:
        """
        return the weights of the best validation instead of the last
        """
    @keep_best.setter
    def keep_best(self, arg1: bool) -> None:
        ...
    @property
    def learning_rate(self) -> float:
        """
        the schedule's highest
        """
    @learning_rate.setter
    def learning_rate(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def lr_scheduler(self) -> str:
        """
        "cosine", "linear" or "constant"
        """
    @lr_scheduler.setter
    def lr_scheduler(self, arg1: str) -> None:
        ...
    @property
    def max_grad_norm(self) -> float:
        """
        per adapter; 0 = no clipping
        """
    @max_grad_norm.setter
    def max_grad_norm(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def max_length(self) -> int:
        """
        tokens of a packed row; 0 = min(1024, the model's maximum)
        """
    @max_length.setter
    def max_length(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def max_steps(self) -> int:
        """
        optimizer steps
        """
    @max_steps.setter
    def max_steps(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def metrics_file(self) -> pathlib.Path:
        """
        one JSON object a line; empty = none
        """
    @metrics_file.setter
    def metrics_file(self, arg1: os.PathLike | str | bytes) -> None:
        ...
    @property
    def min_lr_ratio(self) -> float:
        """
        the schedule ends at this share of the learning rate
        """
    @min_lr_ratio.setter
    def min_lr_ratio(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def on_long_row(self) -> str:
        """
        a row longer than max_length: "error", "drop" or "truncate"
        """
    @on_long_row.setter
    def on_long_row(self, arg1: str) -> None:
        ...
    @property
    def on_masked_row(self) -> str:
        """
        a row without a trained token: "error" or "drop" (counted)
        """
    @on_masked_row.setter
    def on_masked_row(self, arg1: str) -> None:
        ...
    @property
    def packing(self) -> bool:
        """
        best fit decreasing; sequences never see each other
        """
    @packing.setter
    def packing(self, arg1: bool) -> None:
        ...
    @property
    def resume(self) -> bool:
        """
        continue from checkpoint_dir; no checkpoint there = start anew
        """
    @resume.setter
    def resume(self, arg1: bool) -> None:
        ...
    @property
    def save_steps(self) -> int:
        """
        checkpoint every so many optimizer steps; 0 = only when stopped
        """
    @save_steps.setter
    def save_steps(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def seed(self) -> int:
        """
        data order, initial weights, dropout
        """
    @seed.setter
    def seed(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def warmup_ratio(self) -> float:
        """
        of all steps
        """
    @warmup_ratio.setter
    def warmup_ratio(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def warmup_steps(self) -> int:
        """
        wins over warmup_ratio when > 0
        """
    @warmup_steps.setter
    def warmup_steps(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def weight_decay(self) -> float:
        """
        matrices only, never norms or biases
        """
    @weight_decay.setter
    def weight_decay(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
class Progress:
    """
    One adapter's state at a step or validation.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __repr__(self) -> str:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def epoch(self) -> float:
        """
        passes over the data so far
        """
    @property
    def event(self) -> str:
        """
        "step", "validation", "checkpoint", "stopped" or "end"
        """
    @property
    def grad_norm(self) -> float:
        """
        before clipping
        """
    @property
    def learning_rate(self) -> float:
        """
        of this step
        """
    @property
    def loss(self) -> float:
        """
        mean over the trained tokens of this optimizer step
        """
    @property
    def name(self) -> str:
        """
        adapter, or "model" in full-weight training
        """
    @property
    def seconds(self) -> float:
        """
        since the start
        """
    @property
    def seconds_left(self) -> float:
        """
        estimate
        """
    @property
    def step(self) -> int:
        """
        optimizer steps done
        """
    @property
    def tokens(self) -> int:
        """
        of this adapter since the start
        """
    @property
    def tokens_per_second(self) -> float:
        """
        of all adapters together, lately
        """
    @property
    def total_steps(self) -> int:
        """
        optimizer steps of the run
        """
    @property
    def trained_tokens(self) -> int:
        """
        those that the loss fell on
        """
    @property
    def validation_loss(self) -> float:
        """
        NaN until the first validation
        """
class TrainResult:
    """
    What fit() made of one adapter.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __repr__(self) -> str:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def adapter(self) -> Adapter:
        """
        ready to serve or publish
        """
    @property
    def history(self) -> list[Progress]:
        """
        every step and validation
        """
    @property
    def name(self) -> str:
        """
        adapter
        """
    @property
    def stopped_early(self) -> bool:
        """
        by early stopping
        """
    @property
    def validation_loss(self) -> float:
        """
        last, or best with keep_best; NaN without validation data
        """
class TrainPlan:
    """
    What fit() would do.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __repr__(self) -> str:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def dropped_rows(self) -> int:
        """
        by on_masked_row and on_long_row
        """
    @property
    def memory_bytes(self) -> int:
        """
        predicted peak beside the base weights
        """
    @property
    def packed_rows(self) -> int:
        """
        rows after packing
        """
    @property
    def packing_fill(self) -> float:
        """
        share of the packed rows' room that holds tokens
        """
    @property
    def rows(self) -> int:
        """
        rows of data
        """
    @property
    def steps(self) -> int:
        """
        optimizer steps
        """
    @property
    def tokens(self) -> int:
        """
        of one epoch
        """
    @property
    def trainable_parameters(self) -> int:
        """
        of all adapters
        """
    @property
    def trained_tokens(self) -> int:
        """
        those that the loss falls on
        """
    @property
    def truncated_rows(self) -> int:
        """
        by on_long_row
        """
class FullTrainResult:
    """
    A trained model.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __repr__(self) -> str:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def history(self) -> list[Progress]:
        """
        every step and validation
        """
    @property
    def model(self) -> Model:
        """
        the trained model
        """
    @property
    def validation_loss(self) -> float:
        """
        last, or best with keep_best
        """
class Trainer:
    """
    LoRA fine-tuning of one or many adapters in one pass over one frozen base. Each adapter gets the
    bits that it would get alone.
    """
    def __init__(self, base: Model, adapters: LoraOptions | dict | list[LoraOptions | dict], *, options: TrainOptions | None = None, epochs: float = 1.0, max_steps: int = 0, batch_tokens: int = 0, batch_size: int = 8, gradient_accumulation_steps: int = 1, max_length: int = 0, packing: bool = True, lr_scheduler: str = 'cosine', warmup_ratio: float = 0.0, warmup_steps: int = 0, min_lr_ratio: float = 0.0, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-08, max_grad_norm: float = 1.0, seed: int = 0, eval_steps: int = 0, early_stopping_patience: int = 0, early_stopping_threshold: float = 0.0, keep_best: bool = False, save_steps: int = 0, checkpoint_dir: os.PathLike | str = '', resume: bool = False, metrics_file: os.PathLike | str = '', on_masked_row: str = 'error', on_long_row: str = 'error') -> None:
        """
        >>> trainer = whorl.Trainer(model, adapters=[whorl.LoraOptions(name="r8", rank=8)], epochs=2)
        >>> runs = trainer.fit(train, valid)

        Options:
          epochs: ignored when max_steps > 0 (default 1.0)
          max_steps: optimizer steps (default 0)
          batch_tokens: tokens of a micro-batch, packed; 0 = batch_size * max_length (default 0)
          batch_size: packed rows of max_length a micro-batch (default 8)
          gradient_accumulation_steps: micro-batches an optimizer step (default 1)
          max_length: tokens of a packed row; 0 = min(1024, the model's maximum) (default 0)
          packing: best fit decreasing; sequences never see each other (default True)
          lr_scheduler: "cosine", "linear" or "constant" (default 'cosine')
          warmup_ratio: of all steps (default 0.0)
          warmup_steps: wins over warmup_ratio when > 0 (default 0)
          min_lr_ratio: the schedule ends at this share of the learning rate (default 0.0)
          beta1: AdamW (default 0.9)
          beta2: AdamW (default 0.999)
          epsilon: AdamW (default 1e-08)
          max_grad_norm: per adapter; 0 = no clipping (default 1.0)
          seed: data order, initial weights, dropout (default 0)
          eval_steps: validate every so many optimizer steps; 0 = at the end of each epoch (default 0)
          early_stopping_patience: validations without improvement before an adapter stops; 0 = never (default 0)
          early_stopping_threshold: an improvement is at least this much (default 0.0)
          keep_best: return the weights of the best validation instead of the last (default False)
          save_steps: checkpoint every so many optimizer steps; 0 = only when stopped (default 0)
          checkpoint_dir: empty = no checkpoints (default '')
          resume: continue from checkpoint_dir; no checkpoint there = start anew (default False)
          metrics_file: one JSON object a line; empty = none (default '')
          on_masked_row: a row without a trained token: "error" or "drop" (counted) (default 'error')
          on_long_row: a row longer than max_length: "error", "drop" or "truncate" (default 'error')
        """
    def evaluate(self, data: Dataset) -> list[float]:
        """
        Mean loss over the trained tokens of `data`, one per adapter of the last fit().
        """
    def fit(self, train: Dataset, valid: Dataset | None = None, callback: collections.abc.Callable[[Progress], bool | None] | None = None) -> list[TrainResult]:
        """
        Trains all adapters in one pass. callback(progress) is called once per adapter and step, on this thread; False
        stops after the step, with a checkpoint if checkpoint_dir is set. An exception in it, or Ctrl-C, stops the same
        way and is then raised here.

        >>> runs = trainer.fit(train, valid, lambda p: print(p.name, p.step, p.loss))
        """
    def plan(self, train: Dataset) -> TrainPlan:
        """
        What fit() would do, before it starts.
        """
class EngineOptions:
    """
    Limits and budgets of an engine.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, max_batch_size: int = 64, max_step_tokens: int = 512, kv_cache_bytes: int = 536870912, page_size: int = 16, adapter_cache_bytes: int = 1073741824, max_queue: int = 4096) -> None:
        """
        Limits and budgets of an engine.

        Fields:
          max_batch_size: sequences decoded in one step (default 64)
          max_step_tokens: prompt tokens processed in one step: smaller keeps streams smooth (default 512)
          kv_cache_bytes: budget of the paged cache; sequences wait when it is full (default 536870912)
          page_size: tokens of a page (default 16)
          adapter_cache_bytes: adapters kept ready; the least recently used leave first (default 1073741824)
          max_queue: requests waiting; one more is refused with RuntimeError (default 4096)
        """
    def __repr__(self) -> str:
        ...
    def __setstate__(self, arg0: dict) -> None:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def adapter_cache_bytes(self) -> int:
        """
        adapters kept ready; the least recently used leave first
        """
    @adapter_cache_bytes.setter
    def adapter_cache_bytes(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def kv_cache_bytes(self) -> int:
        """
        budget of the paged cache; sequences wait when it is full
        """
    @kv_cache_bytes.setter
    def kv_cache_bytes(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def max_batch_size(self) -> int:
        """
        sequences decoded in one step
        """
    @max_batch_size.setter
    def max_batch_size(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def max_queue(self) -> int:
        """
        requests waiting; one more is refused with RuntimeError
        """
    @max_queue.setter
    def max_queue(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def max_step_tokens(self) -> int:
        """
        prompt tokens processed in one step: smaller keeps streams smooth
        """
    @max_step_tokens.setter
    def max_step_tokens(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def page_size(self) -> int:
        """
        tokens of a page
        """
    @page_size.setter
    def page_size(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
class SamplingOptions:
    """
    How tokens are drawn.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, max_new_tokens: int = 256, temperature: float = 0.0, top_k: int = 0, top_p: float = 1.0, min_p: float = 0.0, repetition_penalty: float = 1.0, presence_penalty: float = 0.0, frequency_penalty: float = 0.0, seed: int = 0, stop: str | list[str] = [], stop_token_ids: list[int] = [], ignore_eos: bool = False, logprobs: int = -1, n: int = 1) -> None:
        """
        How tokens are drawn.

        Fields:
          max_new_tokens: the most that is generated (default 256)
          temperature: 0 = the likeliest token (default 0.0)
          top_k: 0 = all (default 0)
          top_p: smallest set of tokens with this probability (default 1.0)
          min_p: drop tokens below min_p times the likeliest (default 0.0)
          repetition_penalty: over prompt and output (Keskar et al. 2019) (default 1.0)
          presence_penalty: over the output (default 0.0)
          frequency_penalty: over the output (default 0.0)
          seed: same seed, same request: same tokens, whatever else runs (default 0)
          stop: ends before the first of these; not part of the text (default [])
          stop_token_ids: besides the model's end-of-sequence tokens (default [])
          ignore_eos: go on after an end-of-sequence token (default False)
          logprobs: -1 = none, 0 = of the chosen token, k = and of the k likeliest (default -1)
          n: independent samples of the same prompt (seed, seed + 1, …) (default 1)
        """
    def __repr__(self) -> str:
        ...
    def __setstate__(self, arg0: dict) -> None:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def frequency_penalty(self) -> float:
        """
        over the output
        """
    @frequency_penalty.setter
    def frequency_penalty(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def ignore_eos(self) -> bool:
        """
        go on after an end-of-sequence token
        """
    @ignore_eos.setter
    def ignore_eos(self, arg1: bool) -> None:
        ...
    @property
    def logprobs(self) -> int:
        """
        -1 = none, 0 = of the chosen token, k = and of the k likeliest
        """
    @logprobs.setter
    def logprobs(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def max_new_tokens(self) -> int:
        """
        the most that is generated
        """
    @max_new_tokens.setter
    def max_new_tokens(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def min_p(self) -> float:
        """
        drop tokens below min_p times the likeliest
        """
    @min_p.setter
    def min_p(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def n(self) -> int:
        """
        independent samples of the same prompt (seed, seed + 1, …)
        """
    @n.setter
    def n(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def presence_penalty(self) -> float:
        """
        over the output
        """
    @presence_penalty.setter
    def presence_penalty(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def repetition_penalty(self) -> float:
        """
        over prompt and output (Keskar et al. 2019)
        """
    @repetition_penalty.setter
    def repetition_penalty(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def seed(self) -> int:
        """
        same seed, same request: same tokens, whatever else runs
        """
    @seed.setter
    def seed(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def stop(self) -> list[str]:
        """
        ends before the first of these; not part of the text
        """
    @stop.setter
    def stop(self, arg1: collections.abc.Sequence[str]) -> None:
        ...
    @property
    def stop_token_ids(self) -> list[int]:
        """
        besides the model's end-of-sequence tokens
        """
    @stop_token_ids.setter
    def stop_token_ids(self, arg1: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> None:
        ...
    @property
    def temperature(self) -> float:
        """
        0 = the likeliest token
        """
    @temperature.setter
    def temperature(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def top_k(self) -> int:
        """
        0 = all
        """
    @top_k.setter
    def top_k(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def top_p(self) -> float:
        """
        smallest set of tokens with this probability
        """
    @top_p.setter
    def top_p(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
class GenerateRequest:
    """
    One request; exactly one of messages, prompt and prompt_ids.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, adapter: str = '', messages: list[Message | dict] = [], prompt: str = '', prompt_ids: list[int] = [], tools: list[Tool | dict] = [], tool_choice: str = 'auto', template_variables: str | dict | list | None = '', json_schema: str | dict | list | None = '', regex: str = '', sampling: SamplingOptions = None) -> None:
        """
        One request; exactly one of messages, prompt and prompt_ids.

        Fields:
          adapter: '' = the base; 'name' = its latest version; 'name@3' = that version (default '')
          messages: a chat, or (default [])
          prompt: plain text, or (default '')
          prompt_ids: token ids; exactly one of the three (default [])
          tools: what the model may call (default [])
          tool_choice: "auto", "none", "required" (constrained to a call), or a tool's name (default 'auto')
          template_variables: JSON object for the chat template (default '')
          json_schema: the text must be JSON that satisfies this schema (default '')
          regex: the text must match this pattern (linear-time syntax) (default '')
          sampling: how tokens are drawn (default None)
        """
    def __repr__(self) -> str:
        ...
    def __setstate__(self, arg0: dict) -> None:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def adapter(self) -> str:
        """
        '' = the base; 'name' = its latest version; 'name@3' = that version
        """
    @adapter.setter
    def adapter(self, arg1: str) -> None:
        ...
    @property
    def json_schema(self) -> str:
        """
        the text must be JSON that satisfies this schema
        """
    @json_schema.setter
    def json_schema(self, arg1: typing.Any) -> None:
        ...
    @property
    def messages(self) -> list[Message]:
        """
        a chat, or
        """
    @messages.setter
    def messages(self, arg1: typing.Any) -> None:
        ...
    @property
    def prompt(self) -> str:
        """
        plain text, or
        """
    @prompt.setter
    def prompt(self, arg1: str) -> None:
        ...
    @property
    def prompt_ids(self) -> list[int]:
        """
        token ids; exactly one of the three
        """
    @prompt_ids.setter
    def prompt_ids(self, arg1: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> None:
        ...
    @property
    def regex(self) -> str:
        """
        the text must match this pattern (linear-time syntax)
        """
    @regex.setter
    def regex(self, arg1: str) -> None:
        ...
    @property
    def sampling(self) -> SamplingOptions:
        """
        how tokens are drawn
        """
    @sampling.setter
    def sampling(self, arg1: SamplingOptions) -> None:
        ...
    @property
    def template_variables(self) -> str:
        """
        JSON object for the chat template
        """
    @template_variables.setter
    def template_variables(self, arg1: typing.Any) -> None:
        ...
    @property
    def tool_choice(self) -> str:
        """
        "auto", "none", "required" (constrained to a call), or a tool's name
        """
    @tool_choice.setter
    def tool_choice(self, arg1: str) -> None:
        ...
    @property
    def tools(self) -> list[Tool]:
        """
        what the model may call
        """
    @tools.setter
    def tools(self, arg1: typing.Any) -> None:
        ...
class TokenLogprob:
    """
    A generated token's probability.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __repr__(self) -> str:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def id(self) -> int:
        """
        the token
        """
    @property
    def logprob(self) -> float:
        """
        natural logarithm of its probability
        """
    @property
    def text(self) -> str:
        """
        its text
        """
    @property
    def top(self) -> list[tuple[int, float]]:
        """
        the k likeliest, best first
        """
class GenerateResult:
    """
    What one sample of a request became.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __repr__(self) -> str:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def adapter(self) -> str:
        """
        resolved: "tickets@3", or "" for the base
        """
    @property
    def adapter_digest(self) -> str:
        """
        of that adapter
        """
    @property
    def completion_tokens(self) -> int:
        """
        tokens generated
        """
    @property
    def content(self) -> str:
        """
        text without the tool calls
        """
    @property
    def finish_reason(self) -> str:
        """
        "stop", "length", "tool_calls" or "cancelled"
        """
    @property
    def ids(self) -> list[int]:
        """
        generated token ids
        """
    @property
    def index(self) -> int:
        """
        which of the n samples
        """
    @property
    def logprobs(self) -> list[TokenLogprob]:
        """
        per token, if asked for
        """
    @property
    def prompt_tokens(self) -> int:
        """
        tokens read
        """
    @property
    def seconds(self) -> float:
        """
        since the request was submitted
        """
    @property
    def seconds_to_first_token(self) -> float:
        """
        since the request was submitted
        """
    @property
    def text(self) -> str:
        """
        as generated, special tokens left out
        """
    @property
    def tool_call_error(self) -> str:
        """
        a call that does not parse, and why
        """
    @property
    def tool_calls(self) -> list[ToolCall]:
        """
        parsed calls
        """
class StreamEvent:
    """
    A piece of a stream; the texts of an index together are GenerateResult.text.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __repr__(self) -> str:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def finished(self) -> bool:
        """
        the last event of this index; result is set
        """
    @property
    def ids(self) -> list[int]:
        """
        their tokens
        """
    @property
    def index(self) -> int:
        """
        which of the n samples
        """
    @property
    def result(self) -> GenerateResult | None:
        """
        of the last event
        """
    @property
    def text(self) -> str:
        """
        newly complete characters, may be empty
        """
class EngineStats:
    """
    Counters of an engine.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __repr__(self) -> str:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def adapters_loaded(self) -> int:
        """
        ready now
        """
    @property
    def cancelled(self) -> int:
        """
        so far
        """
    @property
    def generated_tokens(self) -> int:
        """
        so far
        """
    @property
    def pages_total(self) -> int:
        """
        of the cache
        """
    @property
    def pages_used(self) -> int:
        """
        of the cache
        """
    @property
    def prompt_tokens(self) -> int:
        """
        so far
        """
    @property
    def requests(self) -> int:
        """
        so far
        """
    @property
    def running(self) -> int:
        """
        sequences in the batch
        """
    @property
    def steps(self) -> int:
        """
        so far
        """
    @property
    def waiting(self) -> int:
        """
        requests in the queue
        """
class Likelihood:
    """
    How likely a continuation is.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __repr__(self) -> str:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def is_greedy(self) -> bool:
        """
        whether greedy decoding would give it
        """
    @property
    def logprob(self) -> float:
        """
        log p(continuation | context), summed
        """
    @property
    def token_logprobs(self) -> list[float]:
        """
        per token
        """
class LikelihoodRequest:
    """
    A continuation to score.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, adapter: str = '', context: list[int] = [], continuation: list[int] = []) -> None:
        """
        A continuation to score.

        Fields:
          adapter: '' = the base (default '')
          context: token ids; empty: the first token is then given, not scored (default [])
          continuation: token ids (default [])
        """
    def __repr__(self) -> str:
        ...
    def __setstate__(self, arg0: dict) -> None:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def adapter(self) -> str:
        """
        '' = the base
        """
    @adapter.setter
    def adapter(self, arg1: str) -> None:
        ...
    @property
    def context(self) -> list[int]:
        """
        token ids; empty: the first token is then given, not scored
        """
    @context.setter
    def context(self, arg1: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> None:
        ...
    @property
    def continuation(self) -> list[int]:
        """
        token ids
        """
    @continuation.setter
    def continuation(self, arg1: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> None:
        ...
class Generation:
    """
    A running request.
    """
    def cancel(self) -> None:
        """
        Frees its place within one step; results then say "cancelled".
        """
    def done(self) -> bool:
        ...
    def wait(self) -> list[GenerateResult]:
        """
        Its n results. Raises what ended the request. Ctrl-C cancels it.
        """
class InferenceEngine:
    """
    Continuous batching over one frozen base: every row of a step may use another adapter, or none.
    Safe from several threads. A context manager; close() cancels what is left.
    """
    def __enter__(self) -> typing.Any:
        ...
    def __exit__(self, *args) -> None:
        ...
    def __init__(self, base: Model, store: AdapterStore | None = None, *, options: EngineOptions | None = None, max_batch_size: int = 64, max_step_tokens: int = 512, kv_cache_bytes: int = 536870912, page_size: int = 16, adapter_cache_bytes: int = 1073741824, max_queue: int = 4096) -> None:
        """
        Adapters are found in the store by name; a version published or promoted later is used by the next request.

        >>> with whorl.InferenceEngine(model, store) as engine:
        ...     engine.generate("Hello")

        Options:
          max_batch_size: sequences decoded in one step (default 64)
          max_step_tokens: prompt tokens processed in one step: smaller keeps streams smooth (default 512)
          kv_cache_bytes: budget of the paged cache; sequences wait when it is full (default 536870912)
          page_size: tokens of a page (default 16)
          adapter_cache_bytes: adapters kept ready; the least recently used leave first (default 1073741824)
          max_queue: requests waiting; one more is refused with RuntimeError (default 4096)
        """
    def adapters(self) -> list[str]:
        """
        Names that add_adapter() has given.
        """
    def add_adapter(self, name: str, adapter: Adapter) -> None:
        """
        An adapter without a store; the name shadows one in the store.
        """
    def close(self) -> None:
        """
        Cancels what is left and frees the cache. Safe to call twice.
        """
    def generate(self, input: str | list[int] | list[Message | dict] | GenerateRequest | list[GenerateRequest] | None = None, *, adapter: str = '', messages: list[Message | dict] = [], prompt: str = '', prompt_ids: list[int] = [], tools: list[Tool | dict] = [], tool_choice: str = 'auto', template_variables: str | dict | list | None = '', json_schema: str | dict | list | None = '', regex: str = '', sampling: SamplingOptions | None = None, max_new_tokens: int = 256, temperature: float = 0.0, top_k: int = 0, top_p: float = 1.0, min_p: float = 0.0, repetition_penalty: float = 1.0, presence_penalty: float = 0.0, frequency_penalty: float = 0.0, seed: int = 0, stop: str | list[str] = [], stop_token_ids: list[int] = [], ignore_eos: bool = False, logprobs: int = -1, n: int = 1) -> GenerateResult | list[list[GenerateResult]]:
        """
        Generates and waits. `input` is a text, token ids, a conversation, a GenerateRequest, or a list of requests, which
        run as one batch and give a list of results (n samples) each. Ctrl-C cancels what runs.

        >>> engine.generate([{"role": "user", "content": "Hello"}], adapter="tickets", max_new_tokens=32).text

        Options:
          adapter: '' = the base; 'name' = its latest version; 'name@3' = that version (default '')
          messages: a chat, or (default [])
          prompt: plain text, or (default '')
          prompt_ids: token ids; exactly one of the three (default [])
          tools: what the model may call (default [])
          tool_choice: "auto", "none", "required" (constrained to a call), or a tool's name (default 'auto')
          template_variables: JSON object for the chat template (default '')
          json_schema: the text must be JSON that satisfies this schema (default '')
          regex: the text must match this pattern (linear-time syntax) (default '')
          sampling: how tokens are drawn (default None)
          max_new_tokens: the most that is generated (default 256)
          temperature: 0 = the likeliest token (default 0.0)
          top_k: 0 = all (default 0)
          top_p: smallest set of tokens with this probability (default 1.0)
          min_p: drop tokens below min_p times the likeliest (default 0.0)
          repetition_penalty: over prompt and output (Keskar et al. 2019) (default 1.0)
          presence_penalty: over the output (default 0.0)
          frequency_penalty: over the output (default 0.0)
          seed: same seed, same request: same tokens, whatever else runs (default 0)
          stop: ends before the first of these; not part of the text (default [])
          stop_token_ids: besides the model's end-of-sequence tokens (default [])
          ignore_eos: go on after an end-of-sequence token (default False)
          logprobs: -1 = none, 0 = of the chosen token, k = and of the k likeliest (default -1)
          n: independent samples of the same prompt (seed, seed + 1, …) (default 1)
        """
    def log_likelihood(self, requests: collections.abc.Sequence[LikelihoodRequest]) -> list[Likelihood]:
        """
        log p(continuation | context) of every request, in one batch.
        """
    def remove_adapter(self, name: str) -> None:
        """
        Running requests keep it.
        """
    def stats(self) -> EngineStats:
        ...
    def stream(self, input: str | list[int] | list[Message | dict] | GenerateRequest | None = None, *, adapter: str = '', messages: list[Message | dict] = [], prompt: str = '', prompt_ids: list[int] = [], tools: list[Tool | dict] = [], tool_choice: str = 'auto', template_variables: str | dict | list | None = '', json_schema: str | dict | list | None = '', regex: str = '', sampling: SamplingOptions | None = None, max_new_tokens: int = 256, temperature: float = 0.0, top_k: int = 0, top_p: float = 1.0, min_p: float = 0.0, repetition_penalty: float = 1.0, presence_penalty: float = 0.0, frequency_penalty: float = 0.0, seed: int = 0, stop: str | list[str] = [], stop_token_ids: list[int] = [], ignore_eos: bool = False, logprobs: int = -1, n: int = 1) -> whorl._stream.Stream:
        """
        Starts a request and iterates over its events, with `for` or with `async for`. Leaving the loop early and closing
        the stream cancels the request.

        >>> for event in engine.stream("Once upon a time", max_new_tokens=32):
        ...     print(event.text, end="")

        Options:
          adapter: '' = the base; 'name' = its latest version; 'name@3' = that version (default '')
          messages: a chat, or (default [])
          prompt: plain text, or (default '')
          prompt_ids: token ids; exactly one of the three (default [])
          tools: what the model may call (default [])
          tool_choice: "auto", "none", "required" (constrained to a call), or a tool's name (default 'auto')
          template_variables: JSON object for the chat template (default '')
          json_schema: the text must be JSON that satisfies this schema (default '')
          regex: the text must match this pattern (linear-time syntax) (default '')
          sampling: how tokens are drawn (default None)
          max_new_tokens: the most that is generated (default 256)
          temperature: 0 = the likeliest token (default 0.0)
          top_k: 0 = all (default 0)
          top_p: smallest set of tokens with this probability (default 1.0)
          min_p: drop tokens below min_p times the likeliest (default 0.0)
          repetition_penalty: over prompt and output (Keskar et al. 2019) (default 1.0)
          presence_penalty: over the output (default 0.0)
          frequency_penalty: over the output (default 0.0)
          seed: same seed, same request: same tokens, whatever else runs (default 0)
          stop: ends before the first of these; not part of the text (default [])
          stop_token_ids: besides the model's end-of-sequence tokens (default [])
          ignore_eos: go on after an end-of-sequence token (default False)
          logprobs: -1 = none, 0 = of the chosen token, k = and of the k likeliest (default -1)
          n: independent samples of the same prompt (seed, seed + 1, …) (default 1)
        """
    def submit(self, input: str | list[int] | list[Message | dict] | GenerateRequest | None = None, callback: collections.abc.Callable[[StreamEvent], bool | None] | None = None, *, adapter: str = '', messages: list[Message | dict] = [], prompt: str = '', prompt_ids: list[int] = [], tools: list[Tool | dict] = [], tool_choice: str = 'auto', template_variables: str | dict | list | None = '', json_schema: str | dict | list | None = '', regex: str = '', sampling: SamplingOptions | None = None, max_new_tokens: int = 256, temperature: float = 0.0, top_k: int = 0, top_p: float = 1.0, min_p: float = 0.0, repetition_penalty: float = 1.0, presence_penalty: float = 0.0, frequency_penalty: float = 0.0, seed: int = 0, stop: str | list[str] = [], stop_token_ids: list[int] = [], ignore_eos: bool = False, logprobs: int = -1, n: int = 1) -> Generation:
        """
        Starts a request and returns at once. callback(event) is called on the engine's thread: return quickly; False
        cancels. An exception in it cancels the request and is raised by wait().

        Options:
          adapter: '' = the base; 'name' = its latest version; 'name@3' = that version (default '')
          messages: a chat, or (default [])
          prompt: plain text, or (default '')
          prompt_ids: token ids; exactly one of the three (default [])
          tools: what the model may call (default [])
          tool_choice: "auto", "none", "required" (constrained to a call), or a tool's name (default 'auto')
          template_variables: JSON object for the chat template (default '')
          json_schema: the text must be JSON that satisfies this schema (default '')
          regex: the text must match this pattern (linear-time syntax) (default '')
          sampling: how tokens are drawn (default None)
          max_new_tokens: the most that is generated (default 256)
          temperature: 0 = the likeliest token (default 0.0)
          top_k: 0 = all (default 0)
          top_p: smallest set of tokens with this probability (default 1.0)
          min_p: drop tokens below min_p times the likeliest (default 0.0)
          repetition_penalty: over prompt and output (Keskar et al. 2019) (default 1.0)
          presence_penalty: over the output (default 0.0)
          frequency_penalty: over the output (default 0.0)
          seed: same seed, same request: same tokens, whatever else runs (default 0)
          stop: ends before the first of these; not part of the text (default [])
          stop_token_ids: besides the model's end-of-sequence tokens (default [])
          ignore_eos: go on after an end-of-sequence token (default False)
          logprobs: -1 = none, 0 = of the chosen token, k = and of the k likeliest (default -1)
          n: independent samples of the same prompt (seed, seed + 1, …) (default 1)
        """
    @property
    def model(self) -> Model:
        ...
class EvaluateOptions:
    """
    What is scored, and how.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, metrics: str | list[str] = ['function_name_accuracy', 'function_name_and_args_accuracy'], limit: int = 0, sampling: SamplingOptions = None, seed: int = 0) -> None:
        """
        What is scored, and how.

        Fields:
          metrics: any of function_name_accuracy, function_name_and_args_accuracy, exact_match, accuracy, f1, perplexity (default ['function_name_accuracy', 'function_name_and_args_accuracy'])
          limit: rows; 0 = all (default 0)
          sampling: greedy by default (default None)
          seed: of the bootstrap (default 0)
        """
    def __repr__(self) -> str:
        ...
    def __setstate__(self, arg0: dict) -> None:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def limit(self) -> int:
        """
        rows; 0 = all
        """
    @limit.setter
    def limit(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def metrics(self) -> list[str]:
        """
        any of function_name_accuracy, function_name_and_args_accuracy, exact_match, accuracy, f1, perplexity
        """
    @metrics.setter
    def metrics(self, arg1: collections.abc.Sequence[str]) -> None:
        ...
    @property
    def sampling(self) -> SamplingOptions:
        """
        greedy by default
        """
    @sampling.setter
    def sampling(self, arg1: SamplingOptions) -> None:
        ...
    @property
    def seed(self) -> int:
        """
        of the bootstrap
        """
    @seed.setter
    def seed(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
class RowScore:
    """
    One row's scores.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __repr__(self) -> str:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    @property
    def expected(self) -> str:
        """
        text, or the calls as JSON
        """
    @property
    def got(self) -> str:
        """
        text, or the calls as JSON
        """
    @property
    def scores(self) -> dict[str, float]:
        """
        per metric
        """
    @property
    def source(self) -> str:
        """
        the row
        """
class EvaluateResult:
    """
    Scores of a model with or without an adapter.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __repr__(self) -> str:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    def to_json(self) -> str:
        ...
    @property
    def adapter(self) -> str:
        """
        resolved name, "" = the base
        """
    @property
    def rows(self) -> list[RowScore]:
        """
        every row
        """
    @property
    def scores(self) -> dict[str, Score]:
        """
        per metric
        """
    @property
    def seconds(self) -> float:
        """
        of the whole run
        """
class Evaluator:
    """
    Scores of a model, with or without adapters, on held-out rows. The last assistant message of a
    row is what is expected; what stands before it is the prompt.
    """
    def __init__(self, engine: InferenceEngine) -> None:
        ...
    def run(self, data: Dataset, adapter: str | list[str] = '', *, options: EvaluateOptions | None = None, metrics: str | list[str] = ['function_name_accuracy', 'function_name_and_args_accuracy'], limit: int = 0, sampling: SamplingOptions = None, seed: int = 0) -> EvaluateResult | list[EvaluateResult]:
        """
        Scores one adapter ('' = the base), or several in one batch, which gives a list in their order.

        >>> base, tuned = evaluator.run(valid, ["", "tickets"], metrics=["exact_match"])

        Options:
          metrics: any of function_name_accuracy, function_name_and_args_accuracy, exact_match, accuracy, f1, perplexity (default ['function_name_accuracy', 'function_name_and_args_accuracy'])
          limit: rows; 0 = all (default 0)
          sampling: greedy by default (default None)
          seed: of the bootstrap (default 0)
        """
def exact_match(expected: str, got: str) -> float:
    """
    1 if the texts are equal after trimming, else 0.
    """
def function_name_and_args_match(expected: list[ToolCall | dict], got: list[ToolCall | dict]) -> float:
    """
    1 if names and arguments agree: calls and keys in any order, 1 equals 1.0.
    """
def function_name_match(expected: list[ToolCall | dict], got: list[ToolCall | dict]) -> float:
    """
    1 if the same functions are called, in any order, else 0.
    """
def info() -> typing.Any:
    """
    What this build and machine can do: version, isa (chosen), isas, threads, devices, cuda (or what it lacks).

    >>> whorl.info()['devices']
    ['cpu']
    """
def set_log_sink(sink: collections.abc.Callable[[str, str], typing.Any] | None) -> None:
    """
    Sends log lines to sink(level, message); None silences them. The library prints nothing by itself. The sink
    may be called from any thread.

    >>> whorl.set_log_sink(lambda level, message: print(level, message))
    """
def summarize(values: list[float]) -> Score:
    """
    Mean with standard error; the interval is Wilson's for zeros and ones,
    Student's t otherwise.

    >>> whorl.summarize([1, 0, 1, 1]).value
    0.75
    """
def token_f1(expected: str, got: str) -> float:
    """
    F1 over words, with SQuAD's normalisation.
    """
def train_all_weights(base: Model, train: Dataset, valid: Dataset | None = None, *, options: FullTrainOptions | None = None, callback: collections.abc.Callable[[Progress], bool | None] | None = None, epochs: float = 1.0, max_steps: int = 0, batch_tokens: int = 0, batch_size: int = 8, gradient_accumulation_steps: int = 1, max_length: int = 0, packing: bool = True, lr_scheduler: str = 'cosine', warmup_ratio: float = 0.0, warmup_steps: int = 0, min_lr_ratio: float = 0.0, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-08, max_grad_norm: float = 1.0, seed: int = 0, eval_steps: int = 0, early_stopping_patience: int = 0, early_stopping_threshold: float = 0.0, keep_best: bool = False, save_steps: int = 0, checkpoint_dir: os.PathLike | str = '', resume: bool = False, metrics_file: os.PathLike | str = '', on_masked_row: str = 'error', on_long_row: str = 'error', learning_rate: float = 0.001, weight_decay: float = 0.1) -> FullTrainResult:
    """
    Trains every weight and returns the new model; `base` stays as it was.

    >>> result = whorl.train_all_weights(model, train, valid, max_steps=100)

    Options:
      epochs: ignored when max_steps > 0 (default 1.0)
      max_steps: optimizer steps (default 0)
      batch_tokens: tokens of a micro-batch, packed; 0 = batch_size * max_length (default 0)
      batch_size: packed rows of max_length a micro-batch (default 8)
      gradient_accumulation_steps: micro-batches an optimizer step (default 1)
      max_length: tokens of a packed row; 0 = min(1024, the model's maximum) (default 0)
      packing: best fit decreasing; sequences never see each other (default True)
      lr_scheduler: "cosine", "linear" or "constant" (default 'cosine')
      warmup_ratio: of all steps (default 0.0)
      warmup_steps: wins over warmup_ratio when > 0 (default 0)
      min_lr_ratio: the schedule ends at this share of the learning rate (default 0.0)
      beta1: AdamW (default 0.9)
      beta2: AdamW (default 0.999)
      epsilon: AdamW (default 1e-08)
      max_grad_norm: per adapter; 0 = no clipping (default 1.0)
      seed: data order, initial weights, dropout (default 0)
      eval_steps: validate every so many optimizer steps; 0 = at the end of each epoch (default 0)
      early_stopping_patience: validations without improvement before an adapter stops; 0 = never (default 0)
      early_stopping_threshold: an improvement is at least this much (default 0.0)
      keep_best: return the weights of the best validation instead of the last (default False)
      save_steps: checkpoint every so many optimizer steps; 0 = only when stopped (default 0)
      checkpoint_dir: empty = no checkpoints (default '')
      resume: continue from checkpoint_dir; no checkpoint there = start anew (default False)
      metrics_file: one JSON object a line; empty = none (default '')
      on_masked_row: a row without a trained token: "error" or "drop" (counted) (default 'error')
      on_long_row: a row longer than max_length: "error", "drop" or "truncate" (default 'error')
      learning_rate: the schedule's highest (default 0.001)
      weight_decay: matrices only, never norms or biases (default 0.1)
    """
def version() -> str:
    """
    The library's version, "major.minor.patch".
    """
