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
__all__: list[str] = ['Adapter', 'AdapterModule', 'AdapterSaveOptions', 'AdapterStore', 'AdapterVersion', 'ArgoOptions', 'BfclOptions', 'BfclResult', 'BleuOptions', 'BootstrapOptions', 'BootstrapResult', 'Calibration', 'CalibrationBin', 'CheckResult', 'ChrfOptions', 'Comparison', 'CorpusMetric', 'Dataset', 'DatasetSplit', 'DeduplicateOptions', 'DocumentLikelihood', 'EncodedRow', 'EngineOptions', 'EngineStats', 'EvaluateData', 'EvaluateOptions', 'EvaluateResult', 'EvaluateTask', 'Evaluator', 'ExactMatchOptions', 'F1Options', 'F1Score', 'FindPiiOptions', 'FullTrainOptions', 'FullTrainResult', 'GarbageReport', 'GenerateRequest', 'GenerateResult', 'Generation', 'GitOpsOptions', 'GuardDecision', 'GuardResult', 'GuardSpan', 'GuardStreamEvent', 'GuardedResult', 'Guardrail', 'InferenceEngine', 'JsonSchema', 'JudgeCanary', 'JudgeOptions', 'JudgedPairs', 'JudgedRow', 'KubernetesOptions', 'LengthOptions', 'Likelihood', 'LikelihoodRequest', 'LoadOptions', 'LoraOptions', 'Manifest', 'Message', 'MetricOptions', 'Model', 'ModelConfig', 'ModelOptions', 'PairedComparison', 'PairedCorpusTest', 'PairedOptions', 'Perplexity', 'PiiEntity', 'PiiOptions', 'Pipeline', 'PipelineBudget', 'PipelineContext', 'PipelineEvent', 'PipelineOverlay', 'PipelineResult', 'PipelineRunOptions', 'PipelineStepResult', 'PodResult', 'PowerOptions', 'Preview', 'Progress', 'PublishOptions', 'RenderOptions', 'RougeOptions', 'RougeScore', 'Row', 'RowChange', 'RowScore', 'SamplingOptions', 'Score', 'SquadScore', 'StoreOptions', 'StoreProblem', 'StoreReport', 'StoreWatch', 'StreamEvent', 'TerOptions', 'TokenLogprob', 'Tool', 'ToolCall', 'TrainOptions', 'TrainPlan', 'TrainResult', 'Trainer', 'accuracy', 'add_library_folder', 'approximate_randomization', 'bfcl_ast_check', 'bootstrap_corpus', 'bootstrap_mean', 'brier_score', 'calibration', 'clustered', 'cohens_kappa', 'compare', 'compare_paired', 'document_likelihood', 'exact_match', 'f1_score', 'find_pii', 'function_name_and_args_match', 'function_name_match', 'gather_pod_step', 'info', 'matthews_correlation', 'mcnemar_exact', 'minimum_detectable_effect', 'number_check', 'paired_bootstrap', 'pass_at_k', 'perplexity', 'pii_entities', 'pooled', 'porter_stem', 'report_html', 'rouge', 'run_pod_step', 'set_log_sink', 'sign_test', 'softmax', 'squad', 'string_check', 'summarize', 'to_argo', 'to_gitops', 'to_kubernetes', 'token_f1', 'train_all_weights', 'version', 'write_manifests', 'write_pipeline_report']
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
    def errored(self) -> int:
        """
        rows without an answer
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
    def refused(self) -> int:
        """
        rows that were declined
        """
    @property
    def stderr(self) -> float:
        """
        standard error of value
        """
    @property
    def unparsable(self) -> int:
        """
        rows whose answer has no form that can be scored
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
    def __init__(self, *, device: str = 'cpu', threads: int = 0, dtype: str = 'auto', quantize: str = 'auto', weights_cache: os.PathLike | str = '', tensor_parallel_size: int = 1) -> None:
        """
        Where and how a model computes.

        Fields:
          device: "cpu", "cuda" (the first GPU), "cuda:1", or "auto": a GPU where there is one that has room (default 'cpu')
          threads: 0 = all CPUs this process may use (default 0)
          dtype: "auto" keeps the stored precision; "float32" widens; "bfloat16" halves memory (default 'auto')
          quantize: "auto" keeps the whole numbers of a GGUF file, "none" widens them; "int8" or "int4" round the weights to about 1.06 or 0.56 bytes each, but for matrices whose inputs are no multiple of 32; "fp8", on a GPU, makes the linears of layers FP8 E4M3, one byte each, multiplied as such; a model of rounded numbers cannot be saved (default 'auto')
          weights_cache: for load: a folder that keeps the weights as they are computed with, mapped at the next start; empty = none (default '')
          tensor_parallel_size: processes that share the model's matrices, of which this is one: reads RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT, connects there; rank 0 makes the engine, the others call follow() (default 1)
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
        "cpu", "cuda" (the first GPU), "cuda:1", or "auto": a GPU where there is one that has room
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
    def quantize(self) -> str:
        """
        "auto" keeps the whole numbers of a GGUF file, "none" widens them; "int8" or "int4" round the weights to about 1.06 or 0.56 bytes each, but for matrices whose inputs are no multiple of 32; "fp8", on a GPU, makes the linears of layers FP8 E4M3, one byte each, multiplied as such; a model of rounded numbers cannot be saved
        """
    @quantize.setter
    def quantize(self, arg1: str) -> None:
        ...
    @property
    def tensor_parallel_size(self) -> int:
        """
        processes that share the model's matrices, of which this is one: reads RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT, connects there; rank 0 makes the engine, the others call follow()
        """
    @tensor_parallel_size.setter
    def tensor_parallel_size(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def threads(self) -> int:
        """
        0 = all CPUs this process may use
        """
    @threads.setter
    def threads(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def weights_cache(self) -> pathlib.Path | str:
        """
        for load: a folder that keeps the weights as they are computed with, mapped at the next start; empty = none
        """
    @weights_cache.setter
    def weights_cache(self, arg1: os.PathLike | str | bytes) -> None:
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
    def create(config: ModelConfig, seed: int, tokenizer_folder: os.PathLike | str = '', *, options: ModelOptions | None = None, device: str = 'cpu', threads: int = 0, dtype: str = 'auto', quantize: str = 'auto', weights_cache: os.PathLike | str = '', tensor_parallel_size: int = 1) -> Model:
        """
        New weights from `seed`. `tokenizer_folder` holds tokenizer.json and perhaps a chat template; '' = token ids only.

        >>> config = whorl.ModelConfig(vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=1,
        ...                            num_attention_heads=2)
        >>> model = whorl.Model.create(config, seed=1)

        Options:
          device: "cpu", "cuda" (the first GPU), "cuda:1", or "auto": a GPU where there is one that has room (default 'cpu')
          threads: 0 = all CPUs this process may use (default 0)
          dtype: "auto" keeps the stored precision; "float32" widens; "bfloat16" halves memory (default 'auto')
          quantize: "auto" keeps the whole numbers of a GGUF file, "none" widens them; "int8" or "int4" round the weights to about 1.06 or 0.56 bytes each, but for matrices whose inputs are no multiple of 32; "fp8", on a GPU, makes the linears of layers FP8 E4M3, one byte each, multiplied as such; a model of rounded numbers cannot be saved (default 'auto')
          weights_cache: for load: a folder that keeps the weights as they are computed with, mapped at the next start; empty = none (default '')
          tensor_parallel_size: processes that share the model's matrices, of which this is one: reads RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT, connects there; rank 0 makes the engine, the others call follow() (default 1)
        """
    @staticmethod
    def load(folder: os.PathLike | str, *, options: ModelOptions | None = None, device: str = 'cpu', threads: int = 0, dtype: str = 'auto', quantize: str = 'auto', weights_cache: os.PathLike | str = '', tensor_parallel_size: int = 1) -> Model:
        """
        Reads a Hugging Face folder: config.json, model.safetensors (or shards with their index), tokenizer.json,
        tokenizer_config.json or chat_template.jinja, generation_config.json. Raises ValueError naming what Whorl would
        not compute exactly; nothing stays half loaded.
        Also a GGUF file, named *.gguf, of the llama, qwen2 or qwen3 architecture; the tokenizer is its folder's, or
        where that has none, the file's own.
        On the CPU the file is read until a model's second step: do not change it in place before that; replacing it by
        another (rename) is fine.

        >>> model = whorl.Model.load("models/base", threads=2)

        Options:
          device: "cpu", "cuda" (the first GPU), "cuda:1", or "auto": a GPU where there is one that has room (default 'cpu')
          threads: 0 = all CPUs this process may use (default 0)
          dtype: "auto" keeps the stored precision; "float32" widens; "bfloat16" halves memory (default 'auto')
          quantize: "auto" keeps the whole numbers of a GGUF file, "none" widens them; "int8" or "int4" round the weights to about 1.06 or 0.56 bytes each, but for matrices whose inputs are no multiple of 32; "fp8", on a GPU, makes the linears of layers FP8 E4M3, one byte each, multiplied as such; a model of rounded numbers cannot be saved (default 'auto')
          weights_cache: for load: a folder that keeps the weights as they are computed with, mapped at the next start; empty = none (default '')
          tensor_parallel_size: processes that share the model's matrices, of which this is one: reads RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT, connects there; rank 0 makes the engine, the others call follow() (default 1)
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
    def follow(self) -> None:
        """
        On every rank but 0 of tensor_parallel_size: computes this rank's share until the engine of rank 0 is closed.
        RuntimeError names a rank that is lost.

        >>> model = whorl.Model.load("models/base", tensor_parallel_size=2)  # in two processes
        >>> if model.tensor_parallel_rank > 0:
        ...     model.follow()
        ... else:
        ...     with whorl.InferenceEngine(model) as engine:
        ...         answer = engine.generate("Hello")
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
        SHA-256 over configuration and weights, hex. Adapters, evaluations and training runs ask for it, generating alone does not: the first time all weights are hashed (half a second for each gigabyte on two cores).
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
        Bytes of the packed weights, of this rank.
        """
    @property
    def parameter_count(self) -> int:
        ...
    @property
    def path(self) -> pathlib.Path:
        """
        Where it was loaded from, or an empty path.
        """
    @property
    def quantize(self) -> str:
        """
        How matrices are held: "none", "int8", "int4", "fp8" (but for table and head) or "mixed".
        """
    @property
    def tensor_parallel_rank(self) -> int:
        """
        Which of tensor_parallel_size processes this is; 0 where all of the model is here.
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
    def __init__(self, *, epochs: float = 1.0, max_steps: int = 0, batch_tokens: int = 0, batch_size: int = 8, gradient_accumulation_steps: int = 1, max_length: int = 0, packing: bool = True, lr_scheduler: str = 'cosine', warmup_ratio: float = 0.0, warmup_steps: int = 0, min_lr_ratio: float = 0.0, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-08, max_grad_norm: float = 1.0, seed: int = 0, eval_steps: int = 0, early_stopping_patience: int = 0, early_stopping_threshold: float = 0.0, keep_best: bool = False, save_steps: int = 0, checkpoint_dir: os.PathLike | str = '', resume: bool = False, metrics_file: os.PathLike | str = '', memory_budget_bytes: int = 0, activation_dtype: str = 'float32', distributed: bool = False, on_masked_row: str = 'error', on_long_row: str = 'error') -> None:
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
          memory_budget_bytes: what plan().memory_bytes may be at most; layers then compute activations again: slower, the same bits; 0 = what is free on a device, no limit on the CPU (default 0)
          activation_dtype: "float32", or on a GPU over a base that is not float32 "bfloat16": half of the activations' memory, each rounded once; the residual stream and sums stay float32 (default 'float32')
          distributed: several processes share each step: reads RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT, connects there (default False)
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
    def activation_dtype(self) -> str:
        """
        "float32", or on a GPU over a base that is not float32 "bfloat16": half of the activations' memory, each rounded once; the residual stream and sums stay float32
        """
    @activation_dtype.setter
    def activation_dtype(self, arg1: str) -> None:
        ...
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
    def checkpoint_dir(self) -> pathlib.Path | str:
        """
        empty = no checkpoints
        """
    @checkpoint_dir.setter
    def checkpoint_dir(self, arg1: os.PathLike | str | bytes) -> None:
        ...
    @property
    def distributed(self) -> bool:
        """
        several processes share each step: reads RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT, connects there
        """
    @distributed.setter
    def distributed(self, arg1: bool) -> None:
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
    def memory_budget_bytes(self) -> int:
        """
        what plan().memory_bytes may be at most; layers then compute activations again: slower, the same bits; 0 = what is free on a device, no limit on the CPU
        """
    @memory_budget_bytes.setter
    def memory_budget_bytes(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def metrics_file(self) -> pathlib.Path | str:
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
    def __init__(self, *, epochs: float = 1.0, max_steps: int = 0, batch_tokens: int = 0, batch_size: int = 8, gradient_accumulation_steps: int = 1, max_length: int = 0, packing: bool = True, lr_scheduler: str = 'cosine', warmup_ratio: float = 0.0, warmup_steps: int = 0, min_lr_ratio: float = 0.0, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-08, max_grad_norm: float = 1.0, seed: int = 0, eval_steps: int = 0, early_stopping_patience: int = 0, early_stopping_threshold: float = 0.0, keep_best: bool = False, save_steps: int = 0, checkpoint_dir: os.PathLike | str = '', resume: bool = False, metrics_file: os.PathLike | str = '', memory_budget_bytes: int = 0, activation_dtype: str = 'float32', distributed: bool = False, on_masked_row: str = 'error', on_long_row: str = 'error', learning_rate: float = 0.001, weight_decay: float = 0.1) -> None:
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
          memory_budget_bytes: what plan().memory_bytes may be at most; layers then compute activations again: slower, the same bits; 0 = what is free on a device, no limit on the CPU (default 0)
          activation_dtype: "float32", or on a GPU over a base that is not float32 "bfloat16": half of the activations' memory, each rounded once; the residual stream and sums stay float32 (default 'float32')
          distributed: several processes share each step: reads RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT, connects there (default False)
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
    def activation_dtype(self) -> str:
        """
        "float32", or on a GPU over a base that is not float32 "bfloat16": half of the activations' memory, each rounded once; the residual stream and sums stay float32
        """
    @activation_dtype.setter
    def activation_dtype(self, arg1: str) -> None:
        ...
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
    def checkpoint_dir(self) -> pathlib.Path | str:
        """
        empty = no checkpoints
        """
    @checkpoint_dir.setter
    def checkpoint_dir(self, arg1: os.PathLike | str | bytes) -> None:
        ...
    @property
    def distributed(self) -> bool:
        """
        several processes share each step: reads RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT, connects there
        """
    @distributed.setter
    def distributed(self, arg1: bool) -> None:
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
    def memory_budget_bytes(self) -> int:
        """
        what plan().memory_bytes may be at most; layers then compute activations again: slower, the same bits; 0 = what is free on a device, no limit on the CPU
        """
    @memory_budget_bytes.setter
    def memory_budget_bytes(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def metrics_file(self) -> pathlib.Path | str:
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
    def activation_bytes(self) -> int:
        """
        of the largest micro-batch
        """
    @property
    def adapter_bytes(self) -> int:
        """
        as the model multiplies by them
        """
    @property
    def data_bytes(self) -> int:
        """
        rows as tokens, the table of positions
        """
    @property
    def dropped_rows(self) -> int:
        """
        by on_masked_row and on_long_row
        """
    @property
    def kept_layouts(self) -> bool:
        """
        all weights keep a layout for gradients (few tokens a micro-batch); else the head alone, and the others are made when needed, with the same results
        """
    @property
    def loss_bytes(self) -> int:
        """
        one chunk of logits
        """
    @property
    def memory_bytes(self) -> int:
        """
        predicted peak beside the loaded base weights: the sum of the parts that follow
        """
    @property
    def optimizer_bytes(self) -> int:
        """
        values, gradients, moments, the best values
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
    def ranks(self) -> int:
        """
        processes that share each step; the bytes are those of each
        """
    @property
    def recompute_levels(self) -> list[int]:
        """
        by layer: 0 nothing, 1 gate and up, 2 also q, k and v, 3 all but the layer's input
        """
    @property
    def recomputed_flops_ratio(self) -> float:
        """
        operations added, against those of a step that computes nothing again
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
    def transient_bytes(self) -> int:
        """
        for a moment: preparing weights, a checkpoint, the result
        """
    @property
    def truncated_rows(self) -> int:
        """
        by on_long_row
        """
    @property
    def validation_bytes(self) -> int:
        """
        where validation's micro-batches are larger than those of training
        """
    @property
    def weight_bytes(self) -> int:
        """
        layouts for gradients, see kept_layouts
        """
    @property
    def working_bytes(self) -> int:
        """
        copies under dropout, widened weights
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
    def __init__(self, base: Model, adapters: LoraOptions | dict | list[LoraOptions | dict], *, options: TrainOptions | None = None, epochs: float = 1.0, max_steps: int = 0, batch_tokens: int = 0, batch_size: int = 8, gradient_accumulation_steps: int = 1, max_length: int = 0, packing: bool = True, lr_scheduler: str = 'cosine', warmup_ratio: float = 0.0, warmup_steps: int = 0, min_lr_ratio: float = 0.0, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-08, max_grad_norm: float = 1.0, seed: int = 0, eval_steps: int = 0, early_stopping_patience: int = 0, early_stopping_threshold: float = 0.0, keep_best: bool = False, save_steps: int = 0, checkpoint_dir: os.PathLike | str = '', resume: bool = False, metrics_file: os.PathLike | str = '', memory_budget_bytes: int = 0, activation_dtype: str = 'float32', distributed: bool = False, on_masked_row: str = 'error', on_long_row: str = 'error') -> None:
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
          memory_budget_bytes: what plan().memory_bytes may be at most; layers then compute activations again: slower, the same bits; 0 = what is free on a device, no limit on the CPU (default 0)
          activation_dtype: "float32", or on a GPU over a base that is not float32 "bfloat16": half of the activations' memory, each rounded once; the residual stream and sums stay float32 (default 'float32')
          distributed: several processes share each step: reads RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT, connects there (default False)
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
    def plan(self, train: Dataset, valid: Dataset | None = None) -> TrainPlan:
        """
        What fit() would do and hold, before it starts.

        >>> print(trainer.plan(train, valid).memory_bytes)
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
    def __init__(self, *, max_batch_size: int = 64, max_step_tokens: int = 512, kv_cache_bytes: int | None = None, page_size: int = 16, prefix_cache: bool = True, adapter_cache_bytes: int = 1073741824, adapter_host_cache_bytes: int = 268435456, max_queue: int = 4096) -> None:
        """
        Limits and budgets of an engine.

        Fields:
          max_batch_size: sequences decoded in one step (default 64)
          max_step_tokens: prompt tokens processed in one step: smaller keeps streams smooth (default 512)
          kv_cache_bytes: budget of the paged cache; sequences wait when it is full. None = what is free: on a device nine tenths of what steps and adapters leave, on the CPU a quarter of what the system has available; a number leaves the rest to a trainer, model or engine that comes later. stats() says what was taken (default None)
          page_size: tokens of a page (default 16)
          prefix_cache: keep pages of prompts and answers until their place is needed, for later prompts that begin with the same tokens; the bits are the same (default True)
          adapter_cache_bytes: adapters kept ready; the least recently used leave first (default 1073741824)
          adapter_host_cache_bytes: adapters of the store as they were read, kept in the host's memory behind the first cache; 0 = none (default 268435456)
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
    def adapter_host_cache_bytes(self) -> int:
        """
        adapters of the store as they were read, kept in the host's memory behind the first cache; 0 = none
        """
    @adapter_host_cache_bytes.setter
    def adapter_host_cache_bytes(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def kv_cache_bytes(self) -> int | None:
        """
        budget of the paged cache; sequences wait when it is full. None = what is free: on a device nine tenths of what steps and adapters leave, on the CPU a quarter of what the system has available; a number leaves the rest to a trainer, model or engine that comes later. stats() says what was taken
        """
    @kv_cache_bytes.setter
    def kv_cache_bytes(self, arg1: typing.SupportsInt | typing.SupportsIndex | None) -> None:
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
    @property
    def prefix_cache(self) -> bool:
        """
        keep pages of prompts and answers until their place is needed, for later prompts that begin with the same tokens; the bits are the same
        """
    @prefix_cache.setter
    def prefix_cache(self, arg1: bool) -> None:
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
    def __init__(self, *, max_new_tokens: int = 256, temperature: float = 0.0, top_k: int = 0, top_p: float = 1.0, min_p: float = 0.0, repetition_penalty: float = 1.0, presence_penalty: float = 0.0, frequency_penalty: float = 0.0, seed: int = 0, stop: str | list[str] = [], stop_token_ids: list[int] = [], ignore_eos: bool = False, logprobs: int = -1, n: int = 1, prompt_lookup_num_tokens: int = 0) -> None:
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
          prompt_lookup_num_tokens: 0 = off; the most tokens computed ahead that followed when the last few stood before (default 0)
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
    def prompt_lookup_num_tokens(self) -> int:
        """
        0 = off; the most tokens computed ahead that followed when the last few stood before
        """
    @prompt_lookup_num_tokens.setter
    def prompt_lookup_num_tokens(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
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
    def cached_tokens(self) -> int:
        """
        of the prompt: read from the cache, not computed
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
        its length
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
    def accepted_tokens(self) -> int:
        """
        of these, the right ones
        """
    @property
    def adapter_bytes(self) -> int:
        """
        of the loaded adapters, packed
        """
    @property
    def adapters_loaded(self) -> int:
        """
        ready now
        """
    @property
    def cached_tokens(self) -> int:
        """
        of prompts, read from the cache so far
        """
    @property
    def cancelled(self) -> int:
        """
        so far
        """
    @property
    def free_bytes(self) -> int:
        """
        before the engine was made; 0 = nobody can tell
        """
    @property
    def generated_tokens(self) -> int:
        """
        so far
        """
    @property
    def guessed_tokens(self) -> int:
        """
        by prompt_lookup_num_tokens, so far
        """
    @property
    def host_adapter_bytes(self) -> int:
        """
        of these
        """
    @property
    def host_adapters(self) -> int:
        """
        in the host's cache
        """
    @property
    def kv_cache_bytes(self) -> int:
        """
        of the cache
        """
    @property
    def kv_cache_reason(self) -> str:
        """
        what decided how large the cache is
        """
    @property
    def kv_cache_tokens(self) -> int:
        """
        that the cache has room for
        """
    @property
    def pages_cached(self) -> int:
        """
        not in use, kept for prompts that begin as those before
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
        computed so far
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
    def step_bytes(self) -> int:
        """
        foreseen for steps to work in, beside the cache and adapters
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
    def __init__(self, base: Model, store: AdapterStore | None = None, *, options: EngineOptions | None = None, max_batch_size: int = 64, max_step_tokens: int = 512, kv_cache_bytes: int | None = None, page_size: int = 16, prefix_cache: bool = True, adapter_cache_bytes: int = 1073741824, adapter_host_cache_bytes: int = 268435456, max_queue: int = 4096) -> None:
        """
        Adapters are found in the store by name; a version published or promoted later is used by the next request.

        >>> with whorl.InferenceEngine(model, store) as engine:
        ...     engine.generate("Hello")

        Options:
          max_batch_size: sequences decoded in one step (default 64)
          max_step_tokens: prompt tokens processed in one step: smaller keeps streams smooth (default 512)
          kv_cache_bytes: budget of the paged cache; sequences wait when it is full. None = what is free: on a device nine tenths of what steps and adapters leave, on the CPU a quarter of what the system has available; a number leaves the rest to a trainer, model or engine that comes later. stats() says what was taken (default None)
          page_size: tokens of a page (default 16)
          prefix_cache: keep pages of prompts and answers until their place is needed, for later prompts that begin with the same tokens; the bits are the same (default True)
          adapter_cache_bytes: adapters kept ready; the least recently used leave first (default 1073741824)
          adapter_host_cache_bytes: adapters of the store as they were read, kept in the host's memory behind the first cache; 0 = none (default 268435456)
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
    def generate(self, input: str | list[int] | list[Message | dict] | GenerateRequest | list[GenerateRequest] | None = None, *, adapter: str = '', messages: list[Message | dict] = [], prompt: str = '', prompt_ids: list[int] = [], tools: list[Tool | dict] = [], tool_choice: str = 'auto', template_variables: str | dict | list | None = '', json_schema: str | dict | list | None = '', regex: str = '', sampling: SamplingOptions | None = None, max_new_tokens: int = 256, temperature: float = 0.0, top_k: int = 0, top_p: float = 1.0, min_p: float = 0.0, repetition_penalty: float = 1.0, presence_penalty: float = 0.0, frequency_penalty: float = 0.0, seed: int = 0, stop: str | list[str] = [], stop_token_ids: list[int] = [], ignore_eos: bool = False, logprobs: int = -1, n: int = 1, prompt_lookup_num_tokens: int = 0) -> GenerateResult | list[list[GenerateResult]]:
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
          prompt_lookup_num_tokens: 0 = off; the most tokens computed ahead that followed when the last few stood before (default 0)
        """
    def log_likelihood(self, requests: collections.abc.Sequence[LikelihoodRequest]) -> list[Likelihood]:
        """
        log p(continuation | context) of every request, in one batch.
        """
    def prompt_ids(self, request: GenerateRequest) -> list[int]:
        """
        The tokens that a generation of `request` starts from.
        """
    def remove_adapter(self, name: str) -> None:
        """
        Running requests keep it.
        """
    def stats(self) -> EngineStats:
        ...
    def stream(self, input: str | list[int] | list[Message | dict] | GenerateRequest | None = None, *, adapter: str = '', messages: list[Message | dict] = [], prompt: str = '', prompt_ids: list[int] = [], tools: list[Tool | dict] = [], tool_choice: str = 'auto', template_variables: str | dict | list | None = '', json_schema: str | dict | list | None = '', regex: str = '', sampling: SamplingOptions | None = None, max_new_tokens: int = 256, temperature: float = 0.0, top_k: int = 0, top_p: float = 1.0, min_p: float = 0.0, repetition_penalty: float = 1.0, presence_penalty: float = 0.0, frequency_penalty: float = 0.0, seed: int = 0, stop: str | list[str] = [], stop_token_ids: list[int] = [], ignore_eos: bool = False, logprobs: int = -1, n: int = 1, prompt_lookup_num_tokens: int = 0) -> whorl._stream.Stream:
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
          prompt_lookup_num_tokens: 0 = off; the most tokens computed ahead that followed when the last few stood before (default 0)
        """
    def submit(self, input: str | list[int] | list[Message | dict] | GenerateRequest | None = None, callback: collections.abc.Callable[[StreamEvent], bool | None] | None = None, *, adapter: str = '', messages: list[Message | dict] = [], prompt: str = '', prompt_ids: list[int] = [], tools: list[Tool | dict] = [], tool_choice: str = 'auto', template_variables: str | dict | list | None = '', json_schema: str | dict | list | None = '', regex: str = '', sampling: SamplingOptions | None = None, max_new_tokens: int = 256, temperature: float = 0.0, top_k: int = 0, top_p: float = 1.0, min_p: float = 0.0, repetition_penalty: float = 1.0, presence_penalty: float = 0.0, frequency_penalty: float = 0.0, seed: int = 0, stop: str | list[str] = [], stop_token_ids: list[int] = [], ignore_eos: bool = False, logprobs: int = -1, n: int = 1, prompt_lookup_num_tokens: int = 0) -> Generation:
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
          prompt_lookup_num_tokens: 0 = off; the most tokens computed ahead that followed when the last few stood before (default 0)
        """
    @property
    def model(self) -> Model:
        ...
class ExactMatchOptions:
    """
    What exact_match overlooks.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, regexes_to_ignore: str | list[str] = [], ignore_case: bool = False, ignore_punctuation: bool = False, ignore_numbers: bool = False) -> None:
        """
        What exact_match overlooks.

        Fields:
          regexes_to_ignore: deleted from both sides, in order (default [])
          ignore_case: of letters (default False)
          ignore_punctuation: ASCII's (default False)
          ignore_numbers: digits 0 to 9 (default False)
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
    def ignore_case(self) -> bool:
        """
        of letters
        """
    @ignore_case.setter
    def ignore_case(self, arg1: bool) -> None:
        ...
    @property
    def ignore_numbers(self) -> bool:
        """
        digits 0 to 9
        """
    @ignore_numbers.setter
    def ignore_numbers(self, arg1: bool) -> None:
        ...
    @property
    def ignore_punctuation(self) -> bool:
        """
        ASCII's
        """
    @ignore_punctuation.setter
    def ignore_punctuation(self, arg1: bool) -> None:
        ...
    @property
    def regexes_to_ignore(self) -> list[str]:
        """
        deleted from both sides, in order
        """
    @regexes_to_ignore.setter
    def regexes_to_ignore(self, arg1: collections.abc.Sequence[str]) -> None:
        ...
class RougeOptions:
    """
    Which ROUGE, and how words are cut.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, types: str | list[str] = ['rouge1', 'rouge2', 'rougeL', 'rougeLsum'], use_stemmer: bool = False) -> None:
        """
        Which ROUGE, and how words are cut.

        Fields:
          types: any of rouge1 … rouge9, rougeL, rougeLsum (default ['rouge1', 'rouge2', 'rougeL', 'rougeLsum'])
          use_stemmer: Porter's, as NLTK extends it (default False)
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
    def types(self) -> list[str]:
        """
        any of rouge1 … rouge9, rougeL, rougeLsum
        """
    @types.setter
    def types(self, arg1: collections.abc.Sequence[str]) -> None:
        ...
    @property
    def use_stemmer(self) -> bool:
        """
        Porter's, as NLTK extends it
        """
    @use_stemmer.setter
    def use_stemmer(self, arg1: bool) -> None:
        ...
class BleuOptions:
    """
    sacrebleu's options of BLEU.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, max_ngram_order: int = 4, lowercase: bool = False, effective_order: bool = False, tokenize: str = '13a', smooth_method: str = 'exp', smooth_value: float = -1.0) -> None:
        """
        sacrebleu's options of BLEU.

        Fields:
          max_ngram_order: longest n-gram (default 4)
          lowercase: without regard to case (default False)
          effective_order: for single sentences (default False)
          tokenize: 13a, char or none (default '13a')
          smooth_method: exp, floor, add-k or none (default 'exp')
          smooth_value: of floor and add-k; -1 = their own (default -1.0)
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
    def effective_order(self) -> bool:
        """
        for single sentences
        """
    @effective_order.setter
    def effective_order(self, arg1: bool) -> None:
        ...
    @property
    def lowercase(self) -> bool:
        """
        without regard to case
        """
    @lowercase.setter
    def lowercase(self, arg1: bool) -> None:
        ...
    @property
    def max_ngram_order(self) -> int:
        """
        longest n-gram
        """
    @max_ngram_order.setter
    def max_ngram_order(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def smooth_method(self) -> str:
        """
        exp, floor, add-k or none
        """
    @smooth_method.setter
    def smooth_method(self, arg1: str) -> None:
        ...
    @property
    def smooth_value(self) -> float:
        """
        of floor and add-k; -1 = their own
        """
    @smooth_value.setter
    def smooth_value(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def tokenize(self) -> str:
        """
        13a, char or none
        """
    @tokenize.setter
    def tokenize(self, arg1: str) -> None:
        ...
class ChrfOptions:
    """
    sacrebleu's options of chrF.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, char_order: int = 6, word_order: int = 0, beta: int = 2, lowercase: bool = False, whitespace: bool = False, eps_smoothing: bool = False) -> None:
        """
        sacrebleu's options of chrF.

        Fields:
          char_order: longest character n-gram (default 6)
          word_order: longest word n-gram; 2 makes it chrF++ (default 0)
          beta: how much more recall counts (default 2)
          lowercase: without regard to case (default False)
          whitespace: white space takes part (default False)
          eps_smoothing: as NLTK and Moses smooth (default False)
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
    def beta(self) -> int:
        """
        how much more recall counts
        """
    @beta.setter
    def beta(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def char_order(self) -> int:
        """
        longest character n-gram
        """
    @char_order.setter
    def char_order(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def eps_smoothing(self) -> bool:
        """
        as NLTK and Moses smooth
        """
    @eps_smoothing.setter
    def eps_smoothing(self, arg1: bool) -> None:
        ...
    @property
    def lowercase(self) -> bool:
        """
        without regard to case
        """
    @lowercase.setter
    def lowercase(self, arg1: bool) -> None:
        ...
    @property
    def whitespace(self) -> bool:
        """
        white space takes part
        """
    @whitespace.setter
    def whitespace(self, arg1: bool) -> None:
        ...
    @property
    def word_order(self) -> int:
        """
        longest word n-gram; 2 makes it chrF++
        """
    @word_order.setter
    def word_order(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
class TerOptions:
    """
    sacrebleu's options of TER.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, normalized: bool = False, no_punct: bool = False, asian_support: bool = False, case_sensitive: bool = False) -> None:
        """
        sacrebleu's options of TER.

        Fields:
          normalized: split off punctuation (default False)
          no_punct: drop punctuation (default False)
          asian_support: split ideographs (default False)
          case_sensitive: with regard to case (default False)
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
    def asian_support(self) -> bool:
        """
        split ideographs
        """
    @asian_support.setter
    def asian_support(self, arg1: bool) -> None:
        ...
    @property
    def case_sensitive(self) -> bool:
        """
        with regard to case
        """
    @case_sensitive.setter
    def case_sensitive(self, arg1: bool) -> None:
        ...
    @property
    def no_punct(self) -> bool:
        """
        drop punctuation
        """
    @no_punct.setter
    def no_punct(self, arg1: bool) -> None:
        ...
    @property
    def normalized(self) -> bool:
        """
        split off punctuation
        """
    @normalized.setter
    def normalized(self, arg1: bool) -> None:
        ...
class F1Options:
    """
    How labels are averaged.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, average: str = 'binary', positive: str = '1') -> None:
        """
        How labels are averaged.

        Fields:
          average: binary, macro, micro or weighted (default 'binary')
          positive: the label that counts; binary only (default '1')
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
    def average(self) -> str:
        """
        binary, macro, micro or weighted
        """
    @average.setter
    def average(self, arg1: str) -> None:
        ...
    @property
    def positive(self) -> str:
        """
        the label that counts; binary only
        """
    @positive.setter
    def positive(self, arg1: str) -> None:
        ...
class BfclOptions:
    """
    Which check of calls.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, strict: bool = False, category: str = 'auto', dots_to_underscores: bool = False) -> None:
        """
        Which check of calls.

        Fields:
          strict: the strict variant instead of the leaderboard's (default False)
          category: auto, simple, multiple or parallel (default 'auto')
          dots_to_underscores: 'math.add' is said as 'math_add' (default False)
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
    def category(self) -> str:
        """
        auto, simple, multiple or parallel
        """
    @category.setter
    def category(self, arg1: str) -> None:
        ...
    @property
    def dots_to_underscores(self) -> bool:
        """
        'math.add' is said as 'math_add'
        """
    @dots_to_underscores.setter
    def dots_to_underscores(self, arg1: bool) -> None:
        ...
    @property
    def strict(self) -> bool:
        """
        the strict variant instead of the leaderboard's
        """
    @strict.setter
    def strict(self, arg1: bool) -> None:
        ...
class SquadScore:
    """
    One answer's scores.
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
    def exact_match(self) -> float:
        """
        0 or 1
        """
    @property
    def f1(self) -> float:
        """
        0 to 1
        """
class RougeScore:
    """
    Precision, recall and F-measure.
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
    def fmeasure(self) -> float:
        """
        0 to 1
        """
    @property
    def precision(self) -> float:
        """
        0 to 1
        """
    @property
    def recall(self) -> float:
        """
        0 to 1
        """
class F1Score:
    """
    Precision, recall and F1.
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
    def f1(self) -> float:
        """
        0 to 1
        """
    @property
    def precision(self) -> float:
        """
        0 to 1
        """
    @property
    def recall(self) -> float:
        """
        0 to 1
        """
class CalibrationBin:
    """
    Rows of like confidence.
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
    def accuracy(self) -> float:
        """
        mean
        """
    @property
    def confidence(self) -> float:
        """
        mean
        """
    @property
    def high(self) -> float:
        """
        upper end, in the bin
        """
    @property
    def low(self) -> float:
        """
        lower end, not in the bin
        """
    @property
    def n(self) -> int:
        """
        rows
        """
class Calibration:
    """
    How far confidence can be believed.
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
    def bins(self) -> list[CalibrationBin]:
        """
        of confidence
        """
    @property
    def brier(self) -> float:
        """
        mean squared error of the confidences
        """
    @property
    def ece(self) -> float:
        """
        expected calibration error
        """
    @property
    def mce(self) -> float:
        """
        largest gap of a bin
        """
class DocumentLikelihood:
    """
    A document's log-likelihood and its length.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, log_likelihood: float = 0.0, tokens: int = 0, words: int = 0, bytes: int = 0) -> None:
        """
        A document's log-likelihood and its length.

        Fields:
          log_likelihood: natural logarithm (default 0.0)
          tokens: count (default 0)
          words: count (default 0)
          bytes: count (default 0)
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
    def bytes(self) -> int:
        """
        count
        """
    @bytes.setter
    def bytes(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def log_likelihood(self) -> float:
        """
        natural logarithm
        """
    @log_likelihood.setter
    def log_likelihood(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def tokens(self) -> int:
        """
        count
        """
    @tokens.setter
    def tokens(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def words(self) -> int:
        """
        count
        """
    @words.setter
    def words(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
class Perplexity:
    """
    Per token, word and byte; 0 = no document has that unit.
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
    def bits_per_byte(self) -> float:
        """
        base 2 logarithm
        """
    @property
    def byte(self) -> float:
        """
        per byte
        """
    @property
    def token(self) -> float:
        """
        per token
        """
    @property
    def word(self) -> float:
        """
        per word
        """
class CheckResult:
    """
    0 or 1, or why there is no score.
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
    def error(self) -> str:
        """
        why there is no score; '' = there is
        """
    @property
    def score(self) -> float:
        """
        0 or 1; means nothing with an error
        """
class BfclResult:
    """
    Whether calls are right.
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
    def error(self) -> str:
        """
        in words
        """
    @property
    def error_type(self) -> str:
        """
        the leaderboard's name of the fault
        """
    @property
    def valid(self) -> bool:
        """
        the calls are right
        """
class CorpusMetric:
    """
    BLEU, chrF or TER, value for value sacrebleu's.

    >>> whorl.CorpusMetric.bleu().corpus(["the cat sat"], [["the cat sat"]])
    0.0
    """
    @staticmethod
    def bleu(*args, **kwargs) -> CorpusMetric:
        """
        With sacrebleu's options.

        Options:
          max_ngram_order: longest n-gram (default 4)
          lowercase: without regard to case (default False)
          effective_order: for single sentences (default False)
          tokenize: 13a, char or none (default '13a')
          smooth_method: exp, floor, add-k or none (default 'exp')
          smooth_value: of floor and add-k; -1 = their own (default -1.0)
        """
    @staticmethod
    def chrf(*args, **kwargs) -> CorpusMetric:
        """
        With sacrebleu's options.

        Options:
          char_order: longest character n-gram (default 6)
          word_order: longest word n-gram; 2 makes it chrF++ (default 0)
          beta: how much more recall counts (default 2)
          lowercase: without regard to case (default False)
          whitespace: white space takes part (default False)
          eps_smoothing: as NLTK and Moses smooth (default False)
        """
    @staticmethod
    def named(name: str) -> CorpusMetric:
        """
        "bleu", "chrf", "chrf++" or "ter" as they stand.
        """
    @staticmethod
    def ter(*args, **kwargs) -> CorpusMetric:
        """
        With sacrebleu's options.

        Options:
          normalized: split off punctuation (default False)
          no_punct: drop punctuation (default False)
          asian_support: split ideographs (default False)
          case_sensitive: with regard to case (default False)
        """
    def corpus(self, hypotheses: collections.abc.Sequence[str], references: collections.abc.Sequence[collections.abc.Sequence[str]]) -> float:
        """
        references[row] are the references of hypotheses[row].
        """
    def counts(self, hypothesis: str, references: collections.abc.Sequence[str]) -> list[float]:
        """
        One row's counts; rows are added before they are scored.
        """
    def score(self, summed_counts: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex]) -> float:
        """
        The score of added counts.
        """
    def sentence(self, hypothesis: str, references: collections.abc.Sequence[str]) -> float:
        """
        One row's score.
        """
    def signature(self, num_references: typing.SupportsInt | typing.SupportsIndex = 1) -> str:
        """
        What makes a score comparable.
        """
    @property
    def higher_is_better(self) -> bool:
        """
        False for TER
        """
    @property
    def name(self) -> str:
        """
        as sacrebleu calls it
        """
class JsonSchema:
    """
    A JSON Schema (draft 2020-12, or what "$schema" names).
    """
    def __init__(self, schema: dict | bool | str) -> None:
        ...
    def errors(self, json: str) -> list[str]:
        """
        What is wrong with a JSON text; empty = nothing.
        """
    def is_valid(self, json: str) -> bool:
        ...
class PowerOptions:
    """
    Of a minimum detectable effect.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, alpha: float = 0.05, power: float = 0.8, two_sided: bool = True) -> None:
        """
        Of a minimum detectable effect.

        Fields:
          alpha: level of the test (default 0.05)
          power: chance to notice (default 0.8)
          two_sided: in either direction (default True)
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
        level of the test
        """
    @alpha.setter
    def alpha(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def power(self) -> float:
        """
        chance to notice
        """
    @power.setter
    def power(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def two_sided(self) -> bool:
        """
        in either direction
        """
    @two_sided.setter
    def two_sided(self, arg1: bool) -> None:
        ...
class BootstrapOptions:
    """
    How rows are drawn again.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, resamples: int = 1000, seed: int = 12345, generator: str = 'counter') -> None:
        """
        How rows are drawn again.

        Fields:
          resamples: how many (default 1000)
          seed: of the draws (default 12345)
          generator: counter, pcg64 (numpy's) or mt19937 (Python's) (default 'counter')
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
    def generator(self) -> str:
        """
        counter, pcg64 (numpy's) or mt19937 (Python's)
        """
    @generator.setter
    def generator(self, arg1: str) -> None:
        ...
    @property
    def resamples(self) -> int:
        """
        how many
        """
    @resamples.setter
    def resamples(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def seed(self) -> int:
        """
        of the draws
        """
    @seed.setter
    def seed(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
class PairedOptions:
    """
    How two models are compared.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, seed: int = 12345, permutations: int = 10000, resamples: int = 10000, clusters: str | list[str] = []) -> None:
        """
        How two models are compared.

        Fields:
          seed: of permutations and resamples (default 12345)
          permutations: sign flips drawn where not all can be gone through (default 10000)
          resamples: of the bootstrap; 0 = none (default 10000)
          clusters: per row: what goes together (default [])
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
    def clusters(self) -> list[str]:
        """
        per row: what goes together
        """
    @clusters.setter
    def clusters(self, arg1: collections.abc.Sequence[str]) -> None:
        ...
    @property
    def permutations(self) -> int:
        """
        sign flips drawn where not all can be gone through
        """
    @permutations.setter
    def permutations(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def resamples(self) -> int:
        """
        of the bootstrap; 0 = none
        """
    @resamples.setter
    def resamples(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def seed(self) -> int:
        """
        of permutations and resamples
        """
    @seed.setter
    def seed(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
class BootstrapResult:
    """
    A quantity and its resamples.
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
    def half_width(self) -> float:
        """
        of the interval
        """
    @property
    def mean(self) -> float:
        """
        of the resamples
        """
    @property
    def resampled(self) -> list[float]:
        """
        values in the order drawn
        """
    @property
    def score(self) -> Score:
        """
        of all rows, with the resamples' error and interval
        """
class PairedComparison:
    """
    Two models on the same rows.
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
        """
        to_json(self) -> str
        """
    @property
    def baseline(self) -> Score:
        """
        alone
        """
    @property
    def bootstrap_high(self) -> float:
        """
        of the difference, 95 %
        """
    @property
    def bootstrap_low(self) -> float:
        """
        of the difference, 95 %
        """
    @property
    def bootstrap_p(self) -> float:
        """
        two-sided
        """
    @property
    def candidate(self) -> Score:
        """
        alone
        """
    @property
    def correlation(self) -> float:
        """
        of the two
        """
    @property
    def difference(self) -> Score:
        """
        candidate - baseline, paired
        """
    @property
    def losses(self) -> int:
        """
        rows where it is lower
        """
    @property
    def mcnemar_p(self) -> float | None:
        """
        exact, two-sided; zeros and ones only
        """
    @property
    def method(self) -> str:
        """
        how, and from which seed
        """
    @property
    def minimum_detectable_effect(self) -> float:
        """
        at 5 % and 80 %
        """
    @property
    def permutation_exact(self) -> bool:
        """
        all outcomes were gone through
        """
    @property
    def permutation_p(self) -> float:
        """
        two-sided sign flip
        """
    @property
    def ties(self) -> int:
        """
        rows alike
        """
    @property
    def unmatched(self) -> int:
        """
        rows that only one side has
        """
    @property
    def wins(self) -> int:
        """
        rows where the candidate is higher
        """
class PairedCorpusTest:
    """
    Two systems' corpus scores on the same rows.
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
    def baseline(self) -> float:
        """
        score
        """
    @property
    def candidate(self) -> float:
        """
        score
        """
    @property
    def half_width(self) -> float:
        """
        of their interval
        """
    @property
    def mean(self) -> float:
        """
        of the candidate's resamples
        """
    @property
    def method(self) -> str:
        """
        how, and from which seed
        """
    @property
    def p(self) -> float:
        """
        two-sided
        """
class JudgeCanary:
    """
    An answer about which there is no doubt, to try a judge on.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, answer: str = '', verdict: str = '', question: str = '', reference: str = '', criteria: str = '') -> None:
        """
        An answer about which there is no doubt, to try a judge on.

        Fields:
          answer: what is judged (default '')
          verdict: the one of the judge's options that is right (default '')
          question: '' = none is shown (default '')
          reference: a right answer; '' = none is shown (default '')
          criteria: text; '' = the judge's own, if they do without a row (default '')
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
    def answer(self) -> str:
        """
        what is judged
        """
    @answer.setter
    def answer(self, arg1: str) -> None:
        ...
    @property
    def criteria(self) -> str:
        """
        text; '' = the judge's own, if they do without a row
        """
    @criteria.setter
    def criteria(self, arg1: str) -> None:
        ...
    @property
    def question(self) -> str:
        """
        '' = none is shown
        """
    @question.setter
    def question(self, arg1: str) -> None:
        ...
    @property
    def reference(self) -> str:
        """
        a right answer; '' = none is shown
        """
    @reference.setter
    def reference(self, arg1: str) -> None:
        ...
    @property
    def verdict(self) -> str:
        """
        the one of the judge's options that is right
        """
    @verdict.setter
    def verdict(self, arg1: str) -> None:
        ...
class JudgeOptions:
    """
    A model that judges answers.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, adapter: str = '', criteria: str = '', options: str | list[str] = ['1', '2', '3', '4', '5'], values: list[float] = [], may_refuse: bool = True, expectation: bool = True, system: str = '', seed: int = 0, label: str = '', canaries: list[JudgeCanary | dict] = []) -> None:
        """
        A model that judges answers.

        Fields:
          adapter: of the judge; '' = the base (default '')
          criteria: template: what a good answer is (default '')
          options: the verdicts, from worst to best (default ['1', '2', '3', '4', '5'])
          values: of each verdict; empty = the number it spells, or its place (default [])
          may_refuse: adds a verdict by which the judge declines (default True)
          expectation: also the mean under the judge's own distribution (default True)
          system: '' = Whorl's instructions to a judge (default '')
          seed: of the fences around the text under judgement (default 0)
          label: template: what people said, one of the options or ''; adds <name>.kappa (default '')
          canaries: answers of known verdict; adds <name>.canaries (default [])
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
        of the judge; '' = the base
        """
    @adapter.setter
    def adapter(self, arg1: str) -> None:
        ...
    @property
    def canaries(self) -> list[JudgeCanary]:
        """
        answers of known verdict; adds <name>.canaries
        """
    @canaries.setter
    def canaries(self, arg1: typing.Any) -> None:
        ...
    @property
    def criteria(self) -> str:
        """
        template: what a good answer is
        """
    @criteria.setter
    def criteria(self, arg1: str) -> None:
        ...
    @property
    def expectation(self) -> bool:
        """
        also the mean under the judge's own distribution
        """
    @expectation.setter
    def expectation(self, arg1: bool) -> None:
        ...
    @property
    def label(self) -> str:
        """
        template: what people said, one of the options or ''; adds <name>.kappa
        """
    @label.setter
    def label(self, arg1: str) -> None:
        ...
    @property
    def may_refuse(self) -> bool:
        """
        adds a verdict by which the judge declines
        """
    @may_refuse.setter
    def may_refuse(self, arg1: bool) -> None:
        ...
    @property
    def options(self) -> list[str]:
        """
        the verdicts, from worst to best
        """
    @options.setter
    def options(self, arg1: collections.abc.Sequence[str]) -> None:
        ...
    @property
    def seed(self) -> int:
        """
        of the fences around the text under judgement
        """
    @seed.setter
    def seed(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def system(self) -> str:
        """
        '' = Whorl's instructions to a judge
        """
    @system.setter
    def system(self, arg1: str) -> None:
        ...
    @property
    def values(self) -> list[float]:
        """
        of each verdict; empty = the number it spells, or its place
        """
    @values.setter
    def values(self, arg1: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex]) -> None:
        ...
class MetricOptions:
    """
    One metric of a task.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, type: str = 'exact_match', name: str = '', candidate: str = '', references: str | list[str] = [], check: str | list[str] = [], tool_calls_ground_truth: str | dict | list | None = '', params: str | dict | list | None = '', judge: JudgeOptions = None) -> None:
        """
        One metric of a task.

        Fields:
          type: exact_match, bleu, rouge, string-check, llm-judge, … (default 'exact_match')
          name: its key in the result; '' = its type (default '')
          candidate: template; '' = {{ sample.output_text }} (default '')
          references: templates; empty = {{ expected }}; the best counts (default [])
          check: string-check and number-check: left, operation, right (default [])
          tool_calls_ground_truth: template that gives a JSON list; '' = the row's own calls (default '')
          params: settings of the metric, as JSON (default '')
          judge: of llm-judge and llm-judge-pairwise (default None)
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
    def candidate(self) -> str:
        """
        template; '' = {{ sample.output_text }}
        """
    @candidate.setter
    def candidate(self, arg1: str) -> None:
        ...
    @property
    def check(self) -> list[str]:
        """
        string-check and number-check: left, operation, right
        """
    @check.setter
    def check(self, arg1: collections.abc.Sequence[str]) -> None:
        ...
    @property
    def judge(self) -> JudgeOptions:
        """
        of llm-judge and llm-judge-pairwise
        """
    @judge.setter
    def judge(self, arg1: JudgeOptions) -> None:
        ...
    @property
    def name(self) -> str:
        """
        its key in the result; '' = its type
        """
    @name.setter
    def name(self, arg1: str) -> None:
        ...
    @property
    def params(self) -> str:
        """
        settings of the metric, as JSON
        """
    @params.setter
    def params(self, arg1: typing.Any) -> None:
        ...
    @property
    def references(self) -> list[str]:
        """
        templates; empty = {{ expected }}; the best counts
        """
    @references.setter
    def references(self, arg1: collections.abc.Sequence[str]) -> None:
        ...
    @property
    def tool_calls_ground_truth(self) -> str:
        """
        template that gives a JSON list; '' = the row's own calls
        """
    @tool_calls_ground_truth.setter
    def tool_calls_ground_truth(self, arg1: typing.Any) -> None:
        ...
    @property
    def type(self) -> str:
        """
        exact_match, bleu, rouge, string-check, llm-judge, …
        """
    @type.setter
    def type(self, arg1: str) -> None:
        ...
class EvaluateTask:
    """
    What an evaluation asks and how it scores the answers, with Jinja templates over
    `item` (the row) and `sample` (the answer): NeMo's custom tasks.
    """
    __hash__: typing.ClassVar[None] = None
    @staticmethod
    def from_json(json: typing.Any, source: str = 'task') -> list[EvaluateTask]:
        """
        The task, or tasks, of a JSON text or a dict; NeMo's custom evaluation configurations too. A key that is not
        known is an error that names the nearest.
        """
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, name: str = 'default', type: str = 'chat', prompt_template: str | dict | list | None = '', metrics: list[MetricOptions | dict | str] = [], sampling: SamplingOptions | None = None, limit: int = 0, parallelism: int = 0, data: str = '') -> None:
        """
        What an evaluation asks and how it scores the answers, with Jinja templates over
        `item` (the row) and `sample` (the answer): NeMo's custom tasks.

        Fields:
          name: of the task (default 'default')
          type: "chat", "completion" or "data" (no model: the rows hold the answers) (default 'chat')
          prompt_template: request whose strings are templates over `item`; '' = the row as it stands (default '')
          metrics: what is scored (default [])
          sampling: instead of EvaluateOptions.sampling (default None)
          limit: rows; 0 = as EvaluateOptions says (default 0)
          parallelism: requests in flight; 0 = as EvaluateOptions says (default 0)
          data: path of the rows, as the task's file gives it (default '')
        """
    def __repr__(self) -> str:
        ...
    def __setstate__(self, arg0: dict) -> None:
        ...
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    def to_json(self) -> str:
        ...
    @property
    def data(self) -> str:
        """
        path of the rows, as the task's file gives it
        """
    @data.setter
    def data(self, arg1: str) -> None:
        ...
    @property
    def limit(self) -> int:
        """
        rows; 0 = as EvaluateOptions says
        """
    @limit.setter
    def limit(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def metrics(self) -> list[MetricOptions]:
        """
        what is scored
        """
    @metrics.setter
    def metrics(self, arg1: typing.Any) -> None:
        ...
    @property
    def name(self) -> str:
        """
        of the task
        """
    @name.setter
    def name(self, arg1: str) -> None:
        ...
    @property
    def parallelism(self) -> int:
        """
        requests in flight; 0 = as EvaluateOptions says
        """
    @parallelism.setter
    def parallelism(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def prompt_template(self) -> str:
        """
        request whose strings are templates over `item`; '' = the row as it stands
        """
    @prompt_template.setter
    def prompt_template(self, arg1: typing.Any) -> None:
        ...
    @property
    def sampling(self) -> SamplingOptions | None:
        """
        instead of EvaluateOptions.sampling
        """
    @sampling.setter
    def sampling(self, arg1: typing.Any) -> None:
        ...
    @property
    def type(self) -> str:
        """
        "chat", "completion" or "data" (no model: the rows hold the answers)
        """
    @type.setter
    def type(self, arg1: str) -> None:
        ...
class EvaluateData:
    """
    Rows with any columns, for a task's templates.
    """
    @staticmethod
    def from_list(rows: list) -> EvaluateData:
        ...
    @staticmethod
    def load(path: os.PathLike | str | bytes) -> EvaluateData:
        """
        A .jsonl file, or .json with an array of objects.
        """
    def __init__(self, data: Dataset) -> None:
        ...
    def __len__(self) -> int:
        ...
    @property
    def digest(self) -> str:
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
    def __init__(self, *, metrics: str | list[str] = ['function_name_accuracy', 'function_name_and_args_accuracy'], task: EvaluateTask | dict | None = None, limit: int = 0, parallelism: int = 0, sampling: SamplingOptions = None, seed: int = 0, max_seconds: float = 0.0, on_error: str = 'wrong', out: os.PathLike | str = '') -> None:
        """
        What is scored, and how.

        Fields:
          metrics: types of metrics, such as function_name_accuracy, exact_match, accuracy, f1, bleu, perplexity; not used with a task (default ['function_name_accuracy', 'function_name_and_args_accuracy'])
          task: templates and metrics of your own (default None)
          limit: rows; 0 = all (default 0)
          parallelism: requests in flight; 0 = 256 (default 0)
          sampling: greedy by default (default None)
          seed: of resampling, and of the judge's fences (default 0)
          max_seconds: time for asking; 0 = no limit; answers are kept in `out` (default 0.0)
          on_error: "wrong": a row without a usable answer counts the metric's worst; "exclude": nothing (default 'wrong')
          out: folder that keeps answers, scores and report.html; a killed run goes on (default '')
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
    def max_seconds(self) -> float:
        """
        time for asking; 0 = no limit; answers are kept in `out`
        """
    @max_seconds.setter
    def max_seconds(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def metrics(self) -> list[str]:
        """
        types of metrics, such as function_name_accuracy, exact_match, accuracy, f1, bleu, perplexity; not used with a task
        """
    @metrics.setter
    def metrics(self, arg1: collections.abc.Sequence[str]) -> None:
        ...
    @property
    def on_error(self) -> str:
        """
        "wrong": a row without a usable answer counts the metric's worst; "exclude": nothing
        """
    @on_error.setter
    def on_error(self, arg1: str) -> None:
        ...
    @property
    def out(self) -> pathlib.Path | str:
        """
        folder that keeps answers, scores and report.html; a killed run goes on
        """
    @out.setter
    def out(self, arg1: os.PathLike | str | bytes) -> None:
        ...
    @property
    def parallelism(self) -> int:
        """
        requests in flight; 0 = 256
        """
    @parallelism.setter
    def parallelism(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
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
        of resampling, and of the judge's fences
        """
    @seed.setter
    def seed(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def task(self) -> EvaluateTask | None:
        """
        templates and metrics of your own
        """
    @task.setter
    def task(self, arg1: typing.Any) -> None:
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
    def error(self) -> str:
        """
        why there is no usable answer
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
    def id(self) -> str:
        """
        digest of the row's contents
        """
    @property
    def outcomes(self) -> dict[str, str]:
        """
        per metric without a value: errored, unparsable or refused
        """
    @property
    def prompt(self) -> str:
        """
        what was asked
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
    def adapter_digest(self) -> str:
        """
        of that adapter
        """
    @property
    def data_digest(self) -> str:
        """
        of all rows
        """
    @property
    def model_digest(self) -> str:
        """
        of the base
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
    @property
    def task(self) -> str:
        """
        its name, '' without one
        """
    @property
    def warnings(self) -> list[str]:
        """
        what a reader of the scores must know first
        """
class Comparison:
    """
    Two results on the same rows, paired by row.
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
    def a(self) -> str:
        """
        the baseline's adapter
        """
    @property
    def b(self) -> str:
        """
        the candidate's adapter
        """
    @property
    def corpus(self) -> typing.Any:
        """
        corpus metrics: both scores and the test of their difference
        """
    @property
    def metric(self) -> str:
        """
        what was compared
        """
    @property
    def paired(self) -> typing.Any:
        """
        scores, difference, p-values, wins, losses and ties, row by row
        """
class JudgedRow:
    """
    A judge's verdict on two answers.
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
    def error(self) -> str:
        """
        why there is no verdict
        """
    @property
    def first(self) -> str:
        """
        as given with a's answer shown first
        """
    @property
    def flipped(self) -> bool:
        """
        the two disagree: counted as a tie
        """
    @property
    def id(self) -> str:
        """
        of the row
        """
    @property
    def second(self) -> str:
        """
        as given with b's answer shown first
        """
    @property
    def source(self) -> str:
        """
        the row
        """
    @property
    def verdict(self) -> str:
        """
        "a", "b", "tie", "refused", "unparsable" or "errored"
        """
class JudgedPairs:
    """
    A judge's verdicts on two results, each asked in both orders.
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
    def errored(self) -> int:
        """
        the judge could not be asked
        """
    @property
    def flip_rate(self) -> Score:
        """
        verdicts that followed the position
        """
    @property
    def refused(self) -> int:
        """
        the judge declined
        """
    @property
    def rows(self) -> list[JudgedRow]:
        """
        every row
        """
    @property
    def ties(self) -> int:
        """
        rows
        """
    @property
    def unparsable(self) -> int:
        """
        the verdict was cut off
        """
    @property
    def win_rate(self) -> Score:
        """
        of b; a tie counts 1/2
        """
    @property
    def wins_a(self) -> int:
        """
        rows
        """
    @property
    def wins_b(self) -> int:
        """
        rows
        """
class Evaluator:
    """
    Scores of a model, with or without adapters, on held-out rows. The last assistant message of a
    row is what is expected; what stands before it is the prompt.
    """
    def __init__(self, engine: InferenceEngine) -> None:
        ...
    def judge(self, a: EvaluateResult, b: EvaluateResult, *, options: JudgeOptions | None = None, adapter: str = '', criteria: str = '', options: str | list[str] = ['1', '2', '3', '4', '5'], values: list[float] = [], may_refuse: bool = True, expectation: bool = True, system: str = '', seed: int = 0, label: str = '', canaries: list[JudgeCanary | dict] = []) -> JudgedPairs:
        """
        Which of two results' answers is better, asked in both orders; only agreeing verdicts count.

        Options:
          adapter: of the judge; '' = the base (default '')
          criteria: template: what a good answer is (default '')
          options: the verdicts, from worst to best (default ['1', '2', '3', '4', '5'])
          values: of each verdict; empty = the number it spells, or its place (default [])
          may_refuse: adds a verdict by which the judge declines (default True)
          expectation: also the mean under the judge's own distribution (default True)
          system: '' = Whorl's instructions to a judge (default '')
          seed: of the fences around the text under judgement (default 0)
          label: template: what people said, one of the options or ''; adds <name>.kappa (default '')
          canaries: answers of known verdict; adds <name>.canaries (default [])
        """
    def run(self, data: Dataset | EvaluateData | list[dict], adapter: str | list[str] = '', *, options: EvaluateOptions | None = None, metrics: str | list[str] = ['function_name_accuracy', 'function_name_and_args_accuracy'], task: EvaluateTask | dict | None = None, limit: int = 0, parallelism: int = 0, sampling: SamplingOptions = None, seed: int = 0, max_seconds: float = 0.0, on_error: str = 'wrong', out: os.PathLike | str = '') -> EvaluateResult | list[EvaluateResult]:
        """
        Scores one adapter ('' = the base), or several in one batch, which gives a list in their order.

        >>> base, tuned = evaluator.run(valid, ["", "tickets"], metrics=["exact_match"])

        Options:
          metrics: types of metrics, such as function_name_accuracy, exact_match, accuracy, f1, bleu, perplexity; not used with a task (default ['function_name_accuracy', 'function_name_and_args_accuracy'])
          task: templates and metrics of your own (default None)
          limit: rows; 0 = all (default 0)
          parallelism: requests in flight; 0 = 256 (default 0)
          sampling: greedy by default (default None)
          seed: of resampling, and of the judge's fences (default 0)
          max_seconds: time for asking; 0 = no limit; answers are kept in `out` (default 0.0)
          on_error: "wrong": a row without a usable answer counts the metric's worst; "exclude": nothing (default 'wrong')
          out: folder that keeps answers, scores and report.html; a killed run goes on (default '')
        """
class GuardSpan:
    """
    Where something was found, in bytes of the original text.
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
    def begin(self) -> int:
        """
        first byte in the original text
        """
    @property
    def end(self) -> int:
        """
        one behind the last byte
        """
    @property
    def rule(self) -> str:
        """
        what was found: EMAIL_ADDRESS, sqli, the name of a pattern
        """
    @property
    def score(self) -> float:
        """
        0..1; patterns have 1
        """
class GuardDecision:
    """
    What one flow said about one text.
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
    def failed(self) -> str:
        """
        '' = the flow worked; closed or open: its fail mode decided
        """
    @property
    def flow(self) -> str:
        """
        as the configuration writes it
        """
    @property
    def part(self) -> str:
        """
        '' = the text; reasoning, tool call 0, chunk 2, message 3, window 1
        """
    @property
    def rail(self) -> str:
        """
        input, output, retrieval, tool_output (calls), tool_input (their results)
        """
    @property
    def reason(self) -> str:
        """
        a sentence that does not repeat what was found
        """
    @property
    def score(self) -> float:
        """
        probability of the blocking answer; -1 = not known
        """
    @property
    def seconds(self) -> float:
        """
        that it took
        """
    @property
    def spans(self) -> list[GuardSpan]:
        """
        where, in bytes of the original text
        """
    @property
    def verdict(self) -> str:
        """
        allowed, changed or blocked
        """
class GuardResult:
    """
    What all flows of a rail said.
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
    def allowed(self) -> bool:
        ...
    @property
    def blocked_by(self) -> str:
        """
        the first flow that blocked
        """
    @property
    def chunks(self) -> list[str]:
        """
        of retrieval: what may go on
        """
    @property
    def decisions(self) -> list[GuardDecision]:
        """
        of every flow that ran
        """
    @property
    def error(self) -> str:
        """
        when blocked, the typed error as JSON
        """
    @property
    def messages(self) -> list[Message]:
        """
        of a conversation: what may go on
        """
    @property
    def seconds(self) -> float:
        """
        of the whole check
        """
    @property
    def status(self) -> str:
        """
        allowed, changed or blocked
        """
    @property
    def text(self) -> str:
        """
        what may go on; when blocked the refusal
        """
    @property
    def tool_calls(self) -> list[ToolCall]:
        """
        what may be called
        """
class GuardedResult:
    """
    A generation between its rails.
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
    def allowed(self) -> bool:
        ...
    @property
    def input(self) -> GuardResult:
        """
        what the input rails said
        """
    @property
    def output(self) -> GuardResult:
        """
        what the output rails said
        """
    @property
    def result(self) -> GenerateResult:
        """
        the generation as it may leave
        """
class GuardStreamEvent:
    """
    A piece of a guarded stream.
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
    def error(self) -> str:
        """
        of the last event, when blocked: the typed error as JSON
        """
    @property
    def finished(self) -> bool:
        """
        the last event
        """
    @property
    def text(self) -> str:
        """
        has passed every rail
        """
class Guardrail:
    """
    Checks of what goes into a model, what comes out, what it retrieves and what it calls, as a NeMo
    Guardrails config.yml describes them. Immutable; safe from several threads.

    >>> guard = whorl.Guardrail.load("config", engine)
    >>> guard.check_input("hello").status
    'allowed'
    """
    @staticmethod
    def from_yaml(text: str, engine: InferenceEngine = None) -> Guardrail:
        """
        The same from text.
        """
    @staticmethod
    def load(path: os.PathLike | str | bytes, engine: InferenceEngine = None) -> Guardrail:
        """
        A config.yml, or a folder of them. The engine is needed by flows that ask a model. What the file should not
        say is a ValueError with file and line.
        """
    def check_input(self, input: str | list[str] | list[Message | dict]) -> GuardResult | list[GuardResult]:
        """
        Input rails over a user's text, a conversation, or many texts in one engine batch (a list of results).

        >>> guard.check_input("My card is 4111 1111 1111 1111").text
        """
    def check_output(self, output: str | list[str] | Message | dict, *, messages: list[Message | dict] | None = None, chunks: list[str] | None = None, tools: list[Tool | dict] | None = None) -> GuardResult | list[GuardResult]:
        """
        Output rails over an answer, or many. A message's reasoning and calls are checked too.
        `messages`: the conversation before it; `chunks`: the evidence of self check facts.
        """
    def check_retrieval(self, chunks: collections.abc.Sequence[str]) -> GuardResult:
        """
        Retrieved texts: masked, blocked ones dropped; blocked when none is left.
        """
    def check_tool_calls(self, calls: list[ToolCall | dict], tools: list[Tool | dict]) -> GuardResult:
        """
        Calls before they run.
        """
    def check_tool_results(self, messages: typing.Any) -> GuardResult:
        """
        What tools answered: messages of role "tool".
        """
    def generate(self, input: str | list[Message | dict] | GenerateRequest | list[GenerateRequest] | None = None, **options: typing.Any) -> GuardedResult | list[GuardedResult]:
        """
        Input rails, generation, output rails. Options as InferenceEngine.generate takes them, and chunks.

        >>> guard.generate([{"role": "user", "content": "Hello"}], max_new_tokens=32).result.text
        """
    def stream(self, input: str | list[Message | dict] | GenerateRequest | None = None, callback: collections.abc.Callable[[GuardStreamEvent], bool | None] | None = None, **options: typing.Any) -> GuardedResult:
        """
        generate() with the answer in pieces, each of which has passed every rail. callback(event) runs on this
        thread; False ends the generation, as does an exception in it, which is raised.

        >>> guard.stream("Hello", lambda event: print(event.text, end=""))
        """
    @property
    def flows(self) -> typing.Any:
        """
        By rail, as configured.
        """
    @property
    def needs_engine(self) -> bool:
        """
        Some flow asks a model.
        """
    @property
    def warnings(self) -> list[str]:
        """
        What the configuration says and Whorl does otherwise, each with file and line.
        """
class FindPiiOptions:
    """
    Which personal data is looked for.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, entities: str | list[str] = [], score_threshold: float = 0.4) -> None:
        """
        Which personal data is looked for.

        Fields:
          entities: which; empty = all of pii_entities(); Presidio's names will do (default [])
          score_threshold: lower: forms without a checksum count even where no word nearby speaks of them (default 0.4)
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
        which; empty = all of pii_entities(); Presidio's names will do
        """
    @entities.setter
    def entities(self, arg1: collections.abc.Sequence[str]) -> None:
        ...
    @property
    def score_threshold(self) -> float:
        """
        lower: forms without a checksum count even where no word nearby speaks of them
        """
    @score_threshold.setter
    def score_threshold(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
class PiiEntity:
    """
    Personal data found in a text.
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
    def begin(self) -> int:
        """
        first character of the text
        """
    @property
    def end(self) -> int:
        """
        one behind the last character
        """
    @property
    def entity(self) -> str:
        """
        as it was asked for
        """
    @property
    def score(self) -> float:
        """
        0..1
        """
    @property
    def validated(self) -> bool:
        """
        a checksum or a full parse says so
        """
class PipelineBudget:
    """
    What may run at once, all steps together.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, cpus: float = 0.0, memory_bytes: int = 0, gpus: int = 0) -> None:
        """
        What may run at once, all steps together.

        Fields:
          cpus: 0 = those of this process (default 0.0)
          memory_bytes: 0 = not counted (default 0)
          gpus: at once (default 0)
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
    def cpus(self) -> float:
        """
        0 = those of this process
        """
    @cpus.setter
    def cpus(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def gpus(self) -> int:
        """
        at once
        """
    @gpus.setter
    def gpus(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def memory_bytes(self) -> int:
        """
        0 = not counted
        """
    @memory_bytes.setter
    def memory_bytes(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
class PipelineRunOptions:
    """
    How a pipeline is run.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, folder: os.PathLike | str = '', parameters: dict | None = {}, run_id: str = '', resume: bool = True, cache: bool = True, budget: PipelineBudget = None) -> None:
        """
        How a pipeline is run.

        Fields:
          folder: artifacts, cache, logs and states of all runs (default '')
          parameters: by name; the rest by default (default {})
          run_id: '' = go on with the latest unfinished run, else begin a new one (default '')
          resume: False: with an empty run_id always begin a new run (default True)
          cache: False: run every step (default True)
          budget: what is 0 here is the pipeline's own (default None)
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
    def budget(self) -> PipelineBudget:
        """
        what is 0 here is the pipeline's own
        """
    @budget.setter
    def budget(self, arg1: PipelineBudget) -> None:
        ...
    @property
    def cache(self) -> bool:
        """
        False: run every step
        """
    @cache.setter
    def cache(self, arg1: bool) -> None:
        ...
    @property
    def folder(self) -> pathlib.Path | str:
        """
        artifacts, cache, logs and states of all runs
        """
    @folder.setter
    def folder(self, arg1: os.PathLike | str | bytes) -> None:
        ...
    @property
    def parameters(self) -> dict[str, str]:
        """
        by name; the rest by default
        """
    @parameters.setter
    def parameters(self, arg1: typing.Any) -> None:
        ...
    @property
    def resume(self) -> bool:
        """
        False: with an empty run_id always begin a new run
        """
    @resume.setter
    def resume(self, arg1: bool) -> None:
        ...
    @property
    def run_id(self) -> str:
        """
        '' = go on with the latest unfinished run, else begin a new one
        """
    @run_id.setter
    def run_id(self, arg1: str) -> None:
        ...
class PipelineEvent:
    """
    Something happened to a step, or to the run.
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
    def attempt(self) -> int:
        """
        1, 2, …
        """
    @property
    def cached(self) -> bool:
        """
        succeeded without running
        """
    @property
    def details(self) -> typing.Any:
        """
        of progress: what is measured (train: the fields of Progress); of succeeded: the outputs
        """
    @property
    def message(self) -> str:
        """
        why it failed, what it does
        """
    @property
    def progress(self) -> float:
        """
        0 … 1; -1 = unknown
        """
    @property
    def run_id(self) -> str:
        """
        the run
        """
    @property
    def seconds(self) -> float:
        """
        since the run began
        """
    @property
    def state(self) -> str:
        """
        started, progress, retrying, or how it ended
        """
    @property
    def step(self) -> str:
        """
        'train', or 'train.3' for an item; '' is the run itself
        """
class PipelineStepResult:
    """
    What a step, or an item of it, came to.
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
    def attempts(self) -> int:
        """
        begun
        """
    @property
    def cached(self) -> bool:
        """
        without running
        """
    @property
    def fault(self) -> str:
        """
        of a failure: code, infrastructure, timeout or rejected
        """
    @property
    def index(self) -> int:
        """
        of the item; -1 without foreach
        """
    @property
    def item(self) -> typing.Any:
        """
        of the foreach
        """
    @property
    def key(self) -> str:
        """
        what the cache knows it by
        """
    @property
    def kind(self) -> str:
        """
        of the step
        """
    @property
    def log(self) -> pathlib.Path | str:
        """
        its file
        """
    @property
    def message(self) -> str:
        """
        why
        """
    @property
    def name(self) -> str:
        """
        'train', or 'train.3' for an item
        """
    @property
    def outputs(self) -> typing.Any:
        """
        artifacts are {artifact, name, path}
        """
    @property
    def seconds(self) -> float:
        """
        with all attempts and back-offs
        """
    @property
    def started(self) -> float:
        """
        seconds since the run began
        """
    @property
    def state(self) -> str:
        """
        succeeded, failed, skipped, omitted or cancelled
        """
    @property
    def step(self) -> str:
        """
        'train'
        """
class PipelineResult:
    """
    What a run came to.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __repr__(self) -> str:
        ...
    def output(self, step: str, key: str) -> typing.Any:
        """
        One output. Of a foreach step all items as a list, of 'step.3' that one.
        """
    def to_dict(self) -> dict:
        """
        The fields as plain dicts, lists, numbers and strings, ready for JSON.
        """
    def to_json(self) -> str:
        ...
    @property
    def digest(self) -> str:
        """
        of the pipeline
        """
    @property
    def folder(self) -> pathlib.Path | str:
        """
        of the run
        """
    @property
    def pipeline(self) -> str:
        """
        its name
        """
    @property
    def run_id(self) -> str:
        """
        the run
        """
    @property
    def seconds(self) -> float:
        """
        of the run
        """
    @property
    def state(self) -> str:
        """
        succeeded, failed or cancelled
        """
    @property
    def steps(self) -> list[PipelineStepResult]:
        """
        in the order of the pipeline
        """
class PipelineContext:
    """
    What a python step's function gets.
    """
    def log(self, line: str) -> None:
        """
        A line of the step's log.
        """
    def progress(self, share: typing.SupportsFloat | typing.SupportsIndex, message: str = '') -> None:
        """
        How far it is, 0 … 1.
        """
    @property
    def arguments(self) -> dict:
        """
        References replaced.
        """
    @property
    def attempt(self) -> int:
        """
        1, 2, …
        """
    @property
    def cancelled(self) -> bool:
        """
        Return soon: the run is stopped, or the time is up.
        """
    @property
    def folder(self) -> pathlib.Path:
        """
        Its own; declared outputs are looked for here.
        """
    @property
    def inputs(self) -> dict[str, pathlib.Path]:
        """
        Paths by name.
        """
    @property
    def step(self) -> str:
        """
        'score', or 'score.3'.
        """
class Pipeline:
    """
    Typed steps, what each needs, and what happens when one fails; the same from YAML, JSON and decorated
    functions (whorl.pipeline).

    >>> whorl.Pipeline.load("flywheel.yaml").run(parameters={"rank": 8})
    """
    @staticmethod
    def from_json(text: str) -> Pipeline:
        """
        The JSON form.
        """
    @staticmethod
    def from_yaml(text: str, source: str = 'pipeline.yaml') -> Pipeline:
        """
        The same as YAML; errors name lines of `source`.
        """
    @staticmethod
    def kinds() -> dict:
        """
        The kinds of steps with their arguments and outputs.
        """
    @staticmethod
    def load(file: os.PathLike | str | bytes) -> Pipeline:
        """
        A .yaml, .yml or .json file; relative paths in it are relative to it.
        """
    def __init__(self, name: str, description: str = '') -> None:
        ...
    def __repr__(self) -> str:
        ...
    def folder(self, folder: os.PathLike | str | bytes) -> Pipeline:
        """
        Where relative paths begin.
        """
    def function(self, name: str, function: collections.abc.Callable, version: str = '1') -> Pipeline:
        """
        What python steps call: function(context) returns a dict of value outputs, or None. `version` is its part of the cache key.
        """
    def run(self, callback: collections.abc.Callable[[PipelineEvent], bool | None] | None = None, *, options: PipelineRunOptions | None = None, folder: os.PathLike | str = '', parameters: dict | None = {}, run_id: str = '', resume: bool = True, cache: bool = True, budget: PipelineBudget = None) -> PipelineResult:
        """
        Runs what the cache does not know. A failed step is a state in the result. callback(event) is called on this thread;
        False, an exception or Ctrl-C cancels: running steps are stopped, exit steps still run.

        Options:
          folder: artifacts, cache, logs and states of all runs (default '')
          parameters: by name; the rest by default (default {})
          run_id: '' = go on with the latest unfinished run, else begin a new one (default '')
          resume: False: with an empty run_id always begin a new run (default True)
          cache: False: run every step (default True)
          budget: what is 0 here is the pipeline's own (default None)
        """
    def run_step(self, step: str, item: int = -1, run_state: str = 'running', callback: collections.abc.Callable[[PipelineEvent], bool | None] | None = None, *, options: PipelineRunOptions | None = None, folder: os.PathLike | str = '', parameters: dict | None = {}, run_id: str = '', resume: bool = True, cache: bool = True, budget: PipelineBudget = None) -> PipelineStepResult:
        """
        One attempt of one step of the run `run_id`, in which its needs have succeeded.

        Options:
          folder: artifacts, cache, logs and states of all runs (default '')
          parameters: by name; the rest by default (default {})
          run_id: '' = go on with the latest unfinished run, else begin a new one (default '')
          resume: False: with an empty run_id always begin a new run (default True)
          cache: False: run every step (default True)
          budget: what is 0 here is the pipeline's own (default None)
        """
    def to_json(self) -> str:
        """
        Canonical: the same pipeline gives the same bytes.
        """
    def validate(self) -> None:
        """
        ValueError with every problem, one a line, naming step and field.
        """
    @property
    def digest(self) -> str:
        """
        SHA-256 of the canonical JSON.
        """
    @property
    def name(self) -> str:
        ...
class Manifest:
    """
    One object of a cluster.
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
    def json(self) -> str:
        """
        ready to be sent; "" for a file of kustomize's
        """
    @property
    def kind(self) -> str:
        """
        of the object
        """
    @property
    def name(self) -> str:
        """
        of the object
        """
    @property
    def path(self) -> str:
        """
        where it belongs in a tree
        """
    @property
    def yaml(self) -> str:
        """
        ready for Git
        """
class KubernetesOptions:
    """
    What all pods of a pipeline share.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, image: str = '', allow_tags: bool = False, namespace: str = '', service_account: str = 'whorl', claim: str = 'whorl', image_pull_secrets: str | list[str] = [], secrets: str | list[str] = [], labels: dict[str, str] = {}, run_as: int = 1000, run_id: str = '', parameters: str | dict | None = '') -> None:
        """
        What all pods of a pipeline share.

        Fields:
          image: by digest, "registry/whorl@sha256:…" (default '')
          allow_tags: images by tag too; what runs may then change (default False)
          namespace: "" = that of whoever applies it (default '')
          service_account: of all pods (default 'whorl')
          claim: a PersistentVolumeClaim that several pods can write (default 'whorl')
          image_pull_secrets: by name (default [])
          secrets: Secrets whose entries become environment variables (default [])
          labels: besides Whorl's own (default {})
          run_as: user and group of the pods (default 1000)
          run_id: "" = made from plan and parameters (default '')
          parameters: the run's, as dict or JSON (default '')
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
    def allow_tags(self) -> bool:
        """
        images by tag too; what runs may then change
        """
    @allow_tags.setter
    def allow_tags(self, arg1: bool) -> None:
        ...
    @property
    def claim(self) -> str:
        """
        a PersistentVolumeClaim that several pods can write
        """
    @claim.setter
    def claim(self, arg1: str) -> None:
        ...
    @property
    def image(self) -> str:
        """
        by digest, "registry/whorl@sha256:…"
        """
    @image.setter
    def image(self, arg1: str) -> None:
        ...
    @property
    def image_pull_secrets(self) -> list[str]:
        """
        by name
        """
    @image_pull_secrets.setter
    def image_pull_secrets(self, arg1: collections.abc.Sequence[str]) -> None:
        ...
    @property
    def labels(self) -> dict[str, str]:
        """
        besides Whorl's own
        """
    @labels.setter
    def labels(self, arg1: typing.Any) -> None:
        ...
    @property
    def namespace(self) -> str:
        """
        "" = that of whoever applies it
        """
    @namespace.setter
    def namespace(self, arg1: str) -> None:
        ...
    @property
    def parameters(self) -> str:
        """
        the run's, as dict or JSON
        """
    @parameters.setter
    def parameters(self, arg1: typing.Any) -> None:
        ...
    @property
    def run_as(self) -> int:
        """
        user and group of the pods
        """
    @run_as.setter
    def run_as(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def run_id(self) -> str:
        """
        "" = made from plan and parameters
        """
    @run_id.setter
    def run_id(self, arg1: str) -> None:
        ...
    @property
    def secrets(self) -> list[str]:
        """
        Secrets whose entries become environment variables
        """
    @secrets.setter
    def secrets(self, arg1: collections.abc.Sequence[str]) -> None:
        ...
    @property
    def service_account(self) -> str:
        """
        of all pods
        """
    @service_account.setter
    def service_account(self, arg1: str) -> None:
        ...
class ArgoOptions:
    """
    How a pipeline becomes Argo's.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, image: str = '', allow_tags: bool = False, namespace: str = '', service_account: str = 'whorl', claim: str = 'whorl', image_pull_secrets: str | list[str] = [], secrets: str | list[str] = [], labels: dict[str, str] = {}, run_as: int = 1000, run_id: str = '', parameters: str | dict | None = '', argo_version: str = '4.0', pending_timeout_seconds: int = 0, parallelism: int = 0, mutexes: str | list[str] = [], gpu_semaphore: str = '', keep_seconds: int = 0, schedules: str | list[str] = [], timezone: str = '', concurrency_policy: str = 'Forbid') -> None:
        """
        How a pipeline becomes Argo's.

        Fields:
          image: by digest, "registry/whorl@sha256:…" (default '')
          allow_tags: images by tag too; what runs may then change (default False)
          namespace: "" = that of whoever applies it (default '')
          service_account: of all pods (default 'whorl')
          claim: a PersistentVolumeClaim that several pods can write (default 'whorl')
          image_pull_secrets: by name (default [])
          secrets: Secrets whose entries become environment variables (default [])
          labels: besides Whorl's own (default {})
          run_as: user and group of the pods (default 1000)
          run_id: "" = made from plan and parameters (default '')
          parameters: the run's, as dict or JSON (default '')
          argo_version: "major.minor" of the server (default '4.0')
          pending_timeout_seconds: steps with a GPU give up waiting for a node; needs Argo 4.1 (default 0)
          parallelism: pods of one run at once; 0 = any number (default 0)
          mutexes: runs that share one wait for each other (default [])
          gpu_semaphore: "config-map/key" that steps with a GPU take (default '')
          keep_seconds: finished runs are removed after so long; 0 = never (default 0)
          schedules: cron expressions; any makes a CronWorkflow (default [])
          timezone: of the schedules; "" = the controller's (default '')
          concurrency_policy: "Allow", "Forbid" or "Replace" (default 'Forbid')
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
    def allow_tags(self) -> bool:
        """
        images by tag too; what runs may then change
        """
    @allow_tags.setter
    def allow_tags(self, arg1: bool) -> None:
        ...
    @property
    def argo_version(self) -> str:
        """
        "major.minor" of the server
        """
    @argo_version.setter
    def argo_version(self, arg1: str) -> None:
        ...
    @property
    def claim(self) -> str:
        """
        a PersistentVolumeClaim that several pods can write
        """
    @claim.setter
    def claim(self, arg1: str) -> None:
        ...
    @property
    def concurrency_policy(self) -> str:
        """
        "Allow", "Forbid" or "Replace"
        """
    @concurrency_policy.setter
    def concurrency_policy(self, arg1: str) -> None:
        ...
    @property
    def gpu_semaphore(self) -> str:
        """
        "config-map/key" that steps with a GPU take
        """
    @gpu_semaphore.setter
    def gpu_semaphore(self, arg1: str) -> None:
        ...
    @property
    def image(self) -> str:
        """
        by digest, "registry/whorl@sha256:…"
        """
    @image.setter
    def image(self, arg1: str) -> None:
        ...
    @property
    def image_pull_secrets(self) -> list[str]:
        """
        by name
        """
    @image_pull_secrets.setter
    def image_pull_secrets(self, arg1: collections.abc.Sequence[str]) -> None:
        ...
    @property
    def keep_seconds(self) -> int:
        """
        finished runs are removed after so long; 0 = never
        """
    @keep_seconds.setter
    def keep_seconds(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def labels(self) -> dict[str, str]:
        """
        besides Whorl's own
        """
    @labels.setter
    def labels(self, arg1: typing.Any) -> None:
        ...
    @property
    def mutexes(self) -> list[str]:
        """
        runs that share one wait for each other
        """
    @mutexes.setter
    def mutexes(self, arg1: collections.abc.Sequence[str]) -> None:
        ...
    @property
    def namespace(self) -> str:
        """
        "" = that of whoever applies it
        """
    @namespace.setter
    def namespace(self, arg1: str) -> None:
        ...
    @property
    def parallelism(self) -> int:
        """
        pods of one run at once; 0 = any number
        """
    @parallelism.setter
    def parallelism(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def parameters(self) -> str:
        """
        the run's, as dict or JSON
        """
    @parameters.setter
    def parameters(self, arg1: typing.Any) -> None:
        ...
    @property
    def pending_timeout_seconds(self) -> int:
        """
        steps with a GPU give up waiting for a node; needs Argo 4.1
        """
    @pending_timeout_seconds.setter
    def pending_timeout_seconds(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def run_as(self) -> int:
        """
        user and group of the pods
        """
    @run_as.setter
    def run_as(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def run_id(self) -> str:
        """
        "" = made from plan and parameters
        """
    @run_id.setter
    def run_id(self, arg1: str) -> None:
        ...
    @property
    def schedules(self) -> list[str]:
        """
        cron expressions; any makes a CronWorkflow
        """
    @schedules.setter
    def schedules(self, arg1: collections.abc.Sequence[str]) -> None:
        ...
    @property
    def secrets(self) -> list[str]:
        """
        Secrets whose entries become environment variables
        """
    @secrets.setter
    def secrets(self, arg1: collections.abc.Sequence[str]) -> None:
        ...
    @property
    def service_account(self) -> str:
        """
        of all pods
        """
    @service_account.setter
    def service_account(self, arg1: str) -> None:
        ...
    @property
    def timezone(self) -> str:
        """
        of the schedules; "" = the controller's
        """
    @timezone.setter
    def timezone(self, arg1: str) -> None:
        ...
class PipelineOverlay:
    """
    One environment of a GitOps tree.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, name: str = '', namespace: str = '', parameters: str | dict | list | None = '') -> None:
        """
        One environment of a GitOps tree.

        Fields:
          name: the folder (default '')
          namespace: where everything goes (default '')
          parameters: defaults that differ here (default '')
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
    def name(self) -> str:
        """
        the folder
        """
    @name.setter
    def name(self, arg1: str) -> None:
        ...
    @property
    def namespace(self) -> str:
        """
        where everything goes
        """
    @namespace.setter
    def namespace(self, arg1: str) -> None:
        ...
    @property
    def parameters(self) -> str:
        """
        defaults that differ here
        """
    @parameters.setter
    def parameters(self, arg1: typing.Any) -> None:
        ...
class GitOpsOptions:
    """
    How a pipeline becomes a tree in Git.
    """
    __hash__: typing.ClassVar[None] = None
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __getstate__(self) -> dict:
        ...
    def __init__(self, *, image: str = '', allow_tags: bool = False, namespace: str = '', service_account: str = 'whorl', claim: str = 'whorl', image_pull_secrets: str | list[str] = [], secrets: str | list[str] = [], labels: dict[str, str] = {}, run_as: int = 1000, run_id: str = '', parameters: str | dict | None = '', argo_version: str = '4.0', pending_timeout_seconds: int = 0, parallelism: int = 0, mutexes: str | list[str] = [], gpu_semaphore: str = '', keep_seconds: int = 0, schedules: str | list[str] = [], timezone: str = '', concurrency_policy: str = 'Forbid', overlays: list[PipelineOverlay | dict] = [], claim_bytes: int = 0, storage_class: str = '', repository: str = '', revision: str = 'HEAD', repository_path: str = '', argo_cd_namespace: str = 'argocd') -> None:
        """
        How a pipeline becomes a tree in Git.

        Fields:
          image: by digest, "registry/whorl@sha256:…" (default '')
          allow_tags: images by tag too; what runs may then change (default False)
          namespace: "" = that of whoever applies it (default '')
          service_account: of all pods (default 'whorl')
          claim: a PersistentVolumeClaim that several pods can write (default 'whorl')
          image_pull_secrets: by name (default [])
          secrets: Secrets whose entries become environment variables (default [])
          labels: besides Whorl's own (default {})
          run_as: user and group of the pods (default 1000)
          run_id: "" = made from plan and parameters (default '')
          parameters: the run's, as dict or JSON (default '')
          argo_version: "major.minor" of the server (default '4.0')
          pending_timeout_seconds: steps with a GPU give up waiting for a node; needs Argo 4.1 (default 0)
          parallelism: pods of one run at once; 0 = any number (default 0)
          mutexes: runs that share one wait for each other (default [])
          gpu_semaphore: "config-map/key" that steps with a GPU take (default '')
          keep_seconds: finished runs are removed after so long; 0 = never (default 0)
          schedules: cron expressions; any makes a CronWorkflow (default [])
          timezone: of the schedules; "" = the controller's (default '')
          concurrency_policy: "Allow", "Forbid" or "Replace" (default 'Forbid')
          overlays: one environment each (default [])
          claim_bytes: > 0: the tree holds the claim too (default 0)
          storage_class: of the claim (default '')
          repository: where the tree will live; any makes Argo CD Applications (default '')
          revision: branch, tag or commit that Argo CD follows (default 'HEAD')
          repository_path: of the tree in the repository (default '')
          argo_cd_namespace: where Argo CD looks for Applications (default 'argocd')
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
    def allow_tags(self) -> bool:
        """
        images by tag too; what runs may then change
        """
    @allow_tags.setter
    def allow_tags(self, arg1: bool) -> None:
        ...
    @property
    def argo_cd_namespace(self) -> str:
        """
        where Argo CD looks for Applications
        """
    @argo_cd_namespace.setter
    def argo_cd_namespace(self, arg1: str) -> None:
        ...
    @property
    def argo_version(self) -> str:
        """
        "major.minor" of the server
        """
    @argo_version.setter
    def argo_version(self, arg1: str) -> None:
        ...
    @property
    def claim(self) -> str:
        """
        a PersistentVolumeClaim that several pods can write
        """
    @claim.setter
    def claim(self, arg1: str) -> None:
        ...
    @property
    def claim_bytes(self) -> int:
        """
        > 0: the tree holds the claim too
        """
    @claim_bytes.setter
    def claim_bytes(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def concurrency_policy(self) -> str:
        """
        "Allow", "Forbid" or "Replace"
        """
    @concurrency_policy.setter
    def concurrency_policy(self, arg1: str) -> None:
        ...
    @property
    def gpu_semaphore(self) -> str:
        """
        "config-map/key" that steps with a GPU take
        """
    @gpu_semaphore.setter
    def gpu_semaphore(self, arg1: str) -> None:
        ...
    @property
    def image(self) -> str:
        """
        by digest, "registry/whorl@sha256:…"
        """
    @image.setter
    def image(self, arg1: str) -> None:
        ...
    @property
    def image_pull_secrets(self) -> list[str]:
        """
        by name
        """
    @image_pull_secrets.setter
    def image_pull_secrets(self, arg1: collections.abc.Sequence[str]) -> None:
        ...
    @property
    def keep_seconds(self) -> int:
        """
        finished runs are removed after so long; 0 = never
        """
    @keep_seconds.setter
    def keep_seconds(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def labels(self) -> dict[str, str]:
        """
        besides Whorl's own
        """
    @labels.setter
    def labels(self, arg1: typing.Any) -> None:
        ...
    @property
    def mutexes(self) -> list[str]:
        """
        runs that share one wait for each other
        """
    @mutexes.setter
    def mutexes(self, arg1: collections.abc.Sequence[str]) -> None:
        ...
    @property
    def namespace(self) -> str:
        """
        "" = that of whoever applies it
        """
    @namespace.setter
    def namespace(self, arg1: str) -> None:
        ...
    @property
    def overlays(self) -> list[PipelineOverlay]:
        """
        one environment each
        """
    @overlays.setter
    def overlays(self, arg1: typing.Any) -> None:
        ...
    @property
    def parallelism(self) -> int:
        """
        pods of one run at once; 0 = any number
        """
    @parallelism.setter
    def parallelism(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def parameters(self) -> str:
        """
        the run's, as dict or JSON
        """
    @parameters.setter
    def parameters(self, arg1: typing.Any) -> None:
        ...
    @property
    def pending_timeout_seconds(self) -> int:
        """
        steps with a GPU give up waiting for a node; needs Argo 4.1
        """
    @pending_timeout_seconds.setter
    def pending_timeout_seconds(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def repository(self) -> str:
        """
        where the tree will live; any makes Argo CD Applications
        """
    @repository.setter
    def repository(self, arg1: str) -> None:
        ...
    @property
    def repository_path(self) -> str:
        """
        of the tree in the repository
        """
    @repository_path.setter
    def repository_path(self, arg1: str) -> None:
        ...
    @property
    def revision(self) -> str:
        """
        branch, tag or commit that Argo CD follows
        """
    @revision.setter
    def revision(self, arg1: str) -> None:
        ...
    @property
    def run_as(self) -> int:
        """
        user and group of the pods
        """
    @run_as.setter
    def run_as(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def run_id(self) -> str:
        """
        "" = made from plan and parameters
        """
    @run_id.setter
    def run_id(self, arg1: str) -> None:
        ...
    @property
    def schedules(self) -> list[str]:
        """
        cron expressions; any makes a CronWorkflow
        """
    @schedules.setter
    def schedules(self, arg1: collections.abc.Sequence[str]) -> None:
        ...
    @property
    def secrets(self) -> list[str]:
        """
        Secrets whose entries become environment variables
        """
    @secrets.setter
    def secrets(self, arg1: collections.abc.Sequence[str]) -> None:
        ...
    @property
    def service_account(self) -> str:
        """
        of all pods
        """
    @service_account.setter
    def service_account(self, arg1: str) -> None:
        ...
    @property
    def storage_class(self) -> str:
        """
        of the claim
        """
    @storage_class.setter
    def storage_class(self, arg1: str) -> None:
        ...
    @property
    def timezone(self) -> str:
        """
        of the schedules; "" = the controller's
        """
    @timezone.setter
    def timezone(self, arg1: str) -> None:
        ...
class PodResult:
    """
    How a pod's step ended.
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
    def cached(self) -> bool:
        """
        without running
        """
    @property
    def exit_status(self) -> int:
        """
        0, 1, 85, 86, 124 or 143
        """
    @property
    def fault(self) -> str:
        """
        whose it was
        """
    @property
    def message(self) -> str:
        """
        why
        """
    @property
    def state(self) -> str:
        """
        succeeded or failed
        """
def accuracy(expected: collections.abc.Sequence[str], got: collections.abc.Sequence[str]) -> float:
    """
    Share of equal labels.
    """
def add_library_folder(folder: os.PathLike | str) -> None:
    """
    Where libraries that are opened when first needed (libwhorl_cuda.so and NVIDIA's) are looked for, before the
    folder of this package. `import whorl` adds those of NVIDIA's wheels by itself.
    """
def approximate_randomization(metric: CorpusMetric, baseline: list[list[float]], candidate: list[list[float]], trials: int = 10000, seed: int = 12345) -> PairedCorpusTest:
    """
    sacrebleu's, draw for draw.
    """
def bfcl_ast_check(functions: list | str, got: list[ToolCall | dict], possible_answers: list | str, *, options: BfclOptions | None = None, strict: bool = False, category: str = 'auto', dots_to_underscores: bool = False) -> BfclResult:
    """
    The Berkeley function-calling leaderboard's AST check.

    Options:
      strict: the strict variant instead of the leaderboard's (default False)
      category: auto, simple, multiple or parallel (default 'auto')
      dots_to_underscores: 'math.add' is said as 'math_add' (default False)
    """
def bootstrap_corpus(metric: CorpusMetric, counts: list[list[float]], *, options: BootstrapOptions | None = None, resamples: int = 1000, seed: int = 12345, generator: str = 'counter') -> BootstrapResult:
    """
    Of a corpus metric, from its rows' counts; pcg64 (sacrebleu's draws) unless another
    generator is named.

    Options:
      resamples: how many (default 1000)
      seed: of the draws (default 12345)
      generator: counter, pcg64 (numpy's) or mt19937 (Python's) (default 'counter')
    """
def bootstrap_mean(values: list[float], *, options: BootstrapOptions | None = None, resamples: int = 1000, seed: int = 12345, generator: str = 'counter') -> BootstrapResult:
    """
    Of a mean.

    Options:
      resamples: how many (default 1000)
      seed: of the draws (default 12345)
      generator: counter, pcg64 (numpy's) or mt19937 (Python's) (default 'counter')
    """
def brier_score(probabilities: collections.abc.Sequence[collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex]], gold: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> float:
    """
    Mean over rows of the squared errors of all classes; gold are indices.
    """
def calibration(confidences: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex], correct: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex], bins: typing.SupportsInt | typing.SupportsIndex = 10) -> Calibration:
    """
    Expected calibration error with its bins; correct is 0 or 1 per row.
    """
def clustered(values: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex], clusters: collections.abc.Sequence[str]) -> Score:
    """
    Mean whose error allows rows of one cluster to go together.
    """
def cohens_kappa(first: collections.abc.Sequence[str], second: collections.abc.Sequence[str]) -> Score:
    """
    Agreement of two raters.
    """
def compare(a: EvaluateResult, b: EvaluateResult, metric: str, *, seed: typing.SupportsInt | typing.SupportsIndex = 12345) -> Comparison:
    """
    Is `b` better than `a`? Rows are paired by id; exact McNemar for zeros and ones, permutation and
    bootstrap otherwise.

    >>> base, tuned = evaluator.run(valid, ["", "tickets"], metrics=["exact_match"])
    >>> whorl.compare(base, tuned, "exact_match").paired["permutation_p"]
    """
def compare_paired(baseline: list[float] | dict[str, float], candidate: list[float] | dict[str, float], *, options: PairedOptions | None = None, seed: int = 12345, permutations: int = 10000, resamples: int = 10000, clusters: str | list[str] = []) -> PairedComparison:
    """
    Two models on the same rows, in the same order or by row id.

    >>> whorl.compare_paired([0, 0, 1, 0], [1, 1, 1, 0]).wins
    2

    Options:
      seed: of permutations and resamples (default 12345)
      permutations: sign flips drawn where not all can be gone through (default 10000)
      resamples: of the bootstrap; 0 = none (default 10000)
      clusters: per row: what goes together (default [])
    """
def document_likelihood(text: str, log_likelihood: typing.SupportsFloat | typing.SupportsIndex, tokens: typing.SupportsInt | typing.SupportsIndex) -> DocumentLikelihood:
    """
    Counts the text's words and bytes.
    """
def exact_match(expected: str, got: str, *, options: ExactMatchOptions | None = None, regexes_to_ignore: str | list[str] = [], ignore_case: bool = False, ignore_punctuation: bool = False, ignore_numbers: bool = False) -> float:
    """
    1 if the texts are equal after trimming, else 0. With options lm-evaluation-harness' exact_match:
    nothing is trimmed.

    Options:
      regexes_to_ignore: deleted from both sides, in order (default [])
      ignore_case: of letters (default False)
      ignore_punctuation: ASCII's (default False)
      ignore_numbers: digits 0 to 9 (default False)
    """
def f1_score(expected: list[str], got: list[str], *, options: F1Options | None = None, average: str = 'binary', positive: str = '1') -> F1Score:
    """
    scikit-learn's values.

    Options:
      average: binary, macro, micro or weighted (default 'binary')
      positive: the label that counts; binary only (default '1')
    """
def find_pii(text: str, *, options: FindPiiOptions | None = None, entities: str | list[str] = [], score_threshold: float = 0.4) -> list[PiiEntity]:
    """
    Personal data in a text, by its form and checksum, in the order of the text.

    >>> [e.entity for e in whorl.find_pii("mail jane@example.com")]
    ['EMAIL']

    Options:
      entities: which; empty = all of pii_entities(); Presidio's names will do (default [])
      score_threshold: lower: forms without a checksum count even where no word nearby speaks of them (default 0.4)
    """
def function_name_and_args_match(expected: list[ToolCall | dict], got: list[ToolCall | dict]) -> float:
    """
    1 if names and arguments agree: calls and keys in any order, 1 equals 1.0.
    """
def function_name_match(expected: list[ToolCall | dict], got: list[ToolCall | dict]) -> float:
    """
    1 if the same functions are called, in any order, else 0.
    """
def gather_pod_step(pipeline: Pipeline, *, step: str = '', run_id: str = '', item: str = '', run_state: str = '', parameters: str = '', state: os.PathLike | str = '', output_folder: os.PathLike | str = '', outputs: str | list[str] = []) -> PodResult:
    """
    After a foreach step's items: applies its failure policy.

    Options:
      step: its name (default '')
      run_id: the run (default '')
      item: of a foreach step: its item as text (default '')
      run_state: exit steps: how the run went (default '')
      parameters: a JSON object, or Argo's list (default '')
      state: what all pods share (default '')
      output_folder: "" = none (default '')
      outputs: to be written there (default [])
    """
def info() -> typing.Any:
    """
    What this build and machine can do: version, isa (chosen), isas, threads, devices, cuda (or what it lacks).

    >>> whorl.info()['devices']
    ['cpu']
    """
def matthews_correlation(expected: collections.abc.Sequence[str], got: collections.abc.Sequence[str]) -> float:
    """
    scikit-learn's.
    """
def mcnemar_exact(b: typing.SupportsInt | typing.SupportsIndex, c: typing.SupportsInt | typing.SupportsIndex) -> float:
    """
    Two-sided p of b against c discordant rows.
    """
def minimum_detectable_effect(standard_error: float, *, options: PowerOptions | None = None, alpha: float = 0.05, power: float = 0.8, two_sided: bool = True) -> float:
    """
    What may go unnoticed.

    >>> round(whorl.minimum_detectable_effect(1.0), 3)
    2.802

    Options:
      alpha: level of the test (default 0.05)
      power: chance to notice (default 0.8)
      two_sided: in either direction (default True)
    """
def number_check(operation: str, left: str, right: str, epsilon: typing.SupportsFloat | typing.SupportsIndex = 0.0) -> CheckResult:
    """
    "equals", "not equals", ">", ">=", "<", "<=" or "absolute difference"; no number is an error.
    """
def paired_bootstrap(metric: CorpusMetric, baseline: list[list[float]], candidate: list[list[float]], resamples: int = 1000, seed: int = 12345) -> PairedCorpusTest:
    """
    sacrebleu's, draw for draw.
    """
def pass_at_k(n: typing.SupportsInt | typing.SupportsIndex, c: typing.SupportsInt | typing.SupportsIndex, k: typing.SupportsInt | typing.SupportsIndex) -> float:
    """
    Chance that one of k draws out of n samples with c right ones is right.
    """
def perplexity(documents: collections.abc.Sequence[DocumentLikelihood]) -> Perplexity:
    """
    Of all documents together.
    """
def pii_entities() -> list[str]:
    """
    The entities that find_pii knows: what has a form or a checksum.
    """
def pooled(groups: collections.abc.Sequence[Score]) -> Score:
    """
    Groups of rows as one.
    """
def porter_stem(word: str) -> str:
    """
    The stem, as NLTK's PorterStemmer gives it.
    """
def report_html(results: collections.abc.Sequence[EvaluateResult], comparisons: collections.abc.Sequence[Comparison] = [], title: str = 'Evaluation') -> str:
    """
    One self-contained page: scores with intervals, comparisons, rows. No scripts, no network.
    """
def rouge(target: str | list[str], prediction: str, *, options: RougeOptions | None = None, types: str | list[str] = ['rouge1', 'rouge2', 'rougeL', 'rougeLsum'], use_stemmer: bool = False) -> dict[str, RougeScore]:
    """
    rouge-score's values; of several targets the best F-measure per type.

    >>> whorl.rouge("the cat", "a cat", types="rouge1")["rouge1"].fmeasure
    0.5

    Options:
      types: any of rouge1 … rouge9, rougeL, rougeLsum (default ['rouge1', 'rouge2', 'rougeL', 'rougeLsum'])
      use_stemmer: Porter's, as NLTK extends it (default False)
    """
def run_pod_step(pipeline: Pipeline, *, step: str = '', run_id: str = '', item: str = '', run_state: str = '', parameters: str = '', state: os.PathLike | str = '', output_folder: os.PathLike | str = '', outputs: str | list[str] = []) -> PodResult:
    """
    One attempt of one step, as a pod runs it.

    Options:
      step: its name (default '')
      run_id: the run (default '')
      item: of a foreach step: its item as text (default '')
      run_state: exit steps: how the run went (default '')
      parameters: a JSON object, or Argo's list (default '')
      state: what all pods share (default '')
      output_folder: "" = none (default '')
      outputs: to be written there (default [])
    """
def set_log_sink(sink: collections.abc.Callable[[str, str], typing.Any] | None) -> None:
    """
    Sends log lines to sink(level, message); None silences them. The library prints nothing by itself. The sink
    may be called from any thread.

    >>> whorl.set_log_sink(lambda level, message: print(level, message))
    """
def sign_test(wins: typing.SupportsInt | typing.SupportsIndex, losses: typing.SupportsInt | typing.SupportsIndex) -> float:
    """
    One-sided p of as many wins or more.
    """
def softmax(log_likelihoods: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex]) -> list[float]:
    """
    Log-likelihoods made probabilities.
    """
def squad(answers: list[str], got: str) -> SquadScore:
    """
    SQuAD 1.1's exact match and F1; the best answer counts.
    """
def string_check(operation: str, left: str, right: str) -> CheckResult:
    """
    "equals", "not equals", "contains", "not contains", "startswith" or "endswith".
    """
def summarize(values: list[float]) -> Score:
    """
    Mean with standard error; the interval is Wilson's for zeros and ones,
    Student's t otherwise.

    >>> whorl.summarize([1, 0, 1, 1]).value
    0.75
    """
def to_argo(pipeline: Pipeline, *, options: ArgoOptions | None = None, image: str = '', allow_tags: bool = False, namespace: str = '', service_account: str = 'whorl', claim: str = 'whorl', image_pull_secrets: str | list[str] = [], secrets: str | list[str] = [], labels: dict[str, str] = {}, run_as: int = 1000, run_id: str = '', parameters: str | dict | None = '', argo_version: str = '4.0', pending_timeout_seconds: int = 0, parallelism: int = 0, mutexes: str | list[str] = [], gpu_semaphore: str = '', keep_seconds: int = 0, schedules: str | list[str] = [], timezone: str = '', concurrency_policy: str = 'Forbid') -> list[Manifest]:
    """
    A WorkflowTemplate, a Workflow that names it, and with schedules a CronWorkflow.

    Options:
      image: by digest, "registry/whorl@sha256:…" (default '')
      allow_tags: images by tag too; what runs may then change (default False)
      namespace: "" = that of whoever applies it (default '')
      service_account: of all pods (default 'whorl')
      claim: a PersistentVolumeClaim that several pods can write (default 'whorl')
      image_pull_secrets: by name (default [])
      secrets: Secrets whose entries become environment variables (default [])
      labels: besides Whorl's own (default {})
      run_as: user and group of the pods (default 1000)
      run_id: "" = made from plan and parameters (default '')
      parameters: the run's, as dict or JSON (default '')
      argo_version: "major.minor" of the server (default '4.0')
      pending_timeout_seconds: steps with a GPU give up waiting for a node; needs Argo 4.1 (default 0)
      parallelism: pods of one run at once; 0 = any number (default 0)
      mutexes: runs that share one wait for each other (default [])
      gpu_semaphore: "config-map/key" that steps with a GPU take (default '')
      keep_seconds: finished runs are removed after so long; 0 = never (default 0)
      schedules: cron expressions; any makes a CronWorkflow (default [])
      timezone: of the schedules; "" = the controller's (default '')
      concurrency_policy: "Allow", "Forbid" or "Replace" (default 'Forbid')
    """
def to_gitops(pipeline: Pipeline, *, options: GitOpsOptions | None = None, image: str = '', allow_tags: bool = False, namespace: str = '', service_account: str = 'whorl', claim: str = 'whorl', image_pull_secrets: str | list[str] = [], secrets: str | list[str] = [], labels: dict[str, str] = {}, run_as: int = 1000, run_id: str = '', parameters: str | dict | None = '', argo_version: str = '4.0', pending_timeout_seconds: int = 0, parallelism: int = 0, mutexes: str | list[str] = [], gpu_semaphore: str = '', keep_seconds: int = 0, schedules: str | list[str] = [], timezone: str = '', concurrency_policy: str = 'Forbid', overlays: list[PipelineOverlay | dict] = [], claim_bytes: int = 0, storage_class: str = '', repository: str = '', revision: str = 'HEAD', repository_path: str = '', argo_cd_namespace: str = 'argocd') -> list[Manifest]:
    """
    A kustomize base with overlays, and Argo CD Applications.

    Options:
      image: by digest, "registry/whorl@sha256:…" (default '')
      allow_tags: images by tag too; what runs may then change (default False)
      namespace: "" = that of whoever applies it (default '')
      service_account: of all pods (default 'whorl')
      claim: a PersistentVolumeClaim that several pods can write (default 'whorl')
      image_pull_secrets: by name (default [])
      secrets: Secrets whose entries become environment variables (default [])
      labels: besides Whorl's own (default {})
      run_as: user and group of the pods (default 1000)
      run_id: "" = made from plan and parameters (default '')
      parameters: the run's, as dict or JSON (default '')
      argo_version: "major.minor" of the server (default '4.0')
      pending_timeout_seconds: steps with a GPU give up waiting for a node; needs Argo 4.1 (default 0)
      parallelism: pods of one run at once; 0 = any number (default 0)
      mutexes: runs that share one wait for each other (default [])
      gpu_semaphore: "config-map/key" that steps with a GPU take (default '')
      keep_seconds: finished runs are removed after so long; 0 = never (default 0)
      schedules: cron expressions; any makes a CronWorkflow (default [])
      timezone: of the schedules; "" = the controller's (default '')
      concurrency_policy: "Allow", "Forbid" or "Replace" (default 'Forbid')
      overlays: one environment each (default [])
      claim_bytes: > 0: the tree holds the claim too (default 0)
      storage_class: of the claim (default '')
      repository: where the tree will live; any makes Argo CD Applications (default '')
      revision: branch, tag or commit that Argo CD follows (default 'HEAD')
      repository_path: of the tree in the repository (default '')
      argo_cd_namespace: where Argo CD looks for Applications (default 'argocd')
    """
def to_kubernetes(pipeline: Pipeline, step: str, item: int = -1, *, options: KubernetesOptions | None = None, image: str = '', allow_tags: bool = False, namespace: str = '', service_account: str = 'whorl', claim: str = 'whorl', image_pull_secrets: str | list[str] = [], secrets: str | list[str] = [], labels: dict[str, str] = {}, run_as: int = 1000, run_id: str = '', parameters: str | dict | None = '') -> Manifest:
    """
    A batch/v1 Job that runs one step; `item` is the index of a foreach item.

    Options:
      image: by digest, "registry/whorl@sha256:…" (default '')
      allow_tags: images by tag too; what runs may then change (default False)
      namespace: "" = that of whoever applies it (default '')
      service_account: of all pods (default 'whorl')
      claim: a PersistentVolumeClaim that several pods can write (default 'whorl')
      image_pull_secrets: by name (default [])
      secrets: Secrets whose entries become environment variables (default [])
      labels: besides Whorl's own (default {})
      run_as: user and group of the pods (default 1000)
      run_id: "" = made from plan and parameters (default '')
      parameters: the run's, as dict or JSON (default '')
    """
def token_f1(expected: str, got: str) -> float:
    """
    F1 over words, with SQuAD's normalisation.
    """
def train_all_weights(base: Model, train: Dataset, valid: Dataset | None = None, *, options: FullTrainOptions | None = None, callback: collections.abc.Callable[[Progress], bool | None] | None = None, epochs: float = 1.0, max_steps: int = 0, batch_tokens: int = 0, batch_size: int = 8, gradient_accumulation_steps: int = 1, max_length: int = 0, packing: bool = True, lr_scheduler: str = 'cosine', warmup_ratio: float = 0.0, warmup_steps: int = 0, min_lr_ratio: float = 0.0, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-08, max_grad_norm: float = 1.0, seed: int = 0, eval_steps: int = 0, early_stopping_patience: int = 0, early_stopping_threshold: float = 0.0, keep_best: bool = False, save_steps: int = 0, checkpoint_dir: os.PathLike | str = '', resume: bool = False, metrics_file: os.PathLike | str = '', memory_budget_bytes: int = 0, activation_dtype: str = 'float32', distributed: bool = False, on_masked_row: str = 'error', on_long_row: str = 'error', learning_rate: float = 0.001, weight_decay: float = 0.1) -> FullTrainResult:
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
      memory_budget_bytes: what plan().memory_bytes may be at most; layers then compute activations again: slower, the same bits; 0 = what is free on a device, no limit on the CPU (default 0)
      activation_dtype: "float32", or on a GPU over a base that is not float32 "bfloat16": half of the activations' memory, each rounded once; the residual stream and sums stay float32 (default 'float32')
      distributed: several processes share each step: reads RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT, connects there (default False)
      on_masked_row: a row without a trained token: "error" or "drop" (counted) (default 'error')
      on_long_row: a row longer than max_length: "error", "drop" or "truncate" (default 'error')
      learning_rate: the schedule's highest (default 0.001)
      weight_decay: matrices only, never norms or biases (default 0.1)
    """
def version() -> str:
    """
    The library's version, "major.minor.patch".
    """
def write_manifests(manifests: list[Manifest], folder: os.PathLike | str) -> None:
    """
    Writes each one's YAML to its path beneath `folder`. Other files stay.
    """
def write_pipeline_report(run: os.PathLike | str | bytes, html: os.PathLike | str | bytes) -> None:
    """
    One self-contained page of a run's folder (PipelineResult.folder).
    """
