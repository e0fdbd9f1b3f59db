"""Whorl: the LLM fine-tuning flywheel in one process.

Curate data (`Dataset`), train LoRA adapters (`Trainer`), keep them (`AdapterStore`), serve many of them in one batch over
one frozen base (`Model`, `InferenceEngine`), score them (`Evaluator`), and start again:

>>> import whorl
>>> model = whorl.Model.load("models/base")
>>> train, valid = whorl.Dataset.load("tickets.jsonl").deduplicate().split(0.9)
>>> runs = whorl.Trainer(model, whorl.LoraOptions(name="tickets", rank=8), epochs=2).fit(train, valid)
>>> store = whorl.AdapterStore("store")
>>> store.publish("tickets", runs[0].adapter)
>>> with whorl.InferenceEngine(model, store) as engine:
...     print(engine.generate([{"role": "user", "content": "Where is my order?"}], adapter="tickets").text)

Every name here is the C++ library's own. Options are keyword-only and may be given one by one or as an object
(`options=whorl.TrainOptions(...)`); a misspelt one is a TypeError that names the nearest. The caller's faults are
ValueError and TypeError, the world's (disk, memory) RuntimeError. Whatever computes releases the interpreter's lock.

Processes: threads do not survive a fork. Use the "spawn" start method, or fork before Whorl is first used; computing in a
process that was forked afterwards raises RuntimeError instead of hanging.
"""

from ._whorl import (
    Adapter,
    AdapterModule,
    AdapterSaveOptions,
    AdapterStore,
    AdapterVersion,
    BfclOptions,
    BfclResult,
    BleuOptions,
    BootstrapOptions,
    BootstrapResult,
    Calibration,
    CalibrationBin,
    CheckResult,
    ChrfOptions,
    CorpusMetric,
    Dataset,
    DatasetSplit,
    DeduplicateOptions,
    DocumentLikelihood,
    EncodedRow,
    EngineOptions,
    EngineStats,
    EvaluateOptions,
    EvaluateResult,
    Evaluator,
    ExactMatchOptions,
    F1Options,
    F1Score,
    FullTrainOptions,
    FullTrainResult,
    GarbageReport,
    GenerateRequest,
    GenerateResult,
    Generation,
    InferenceEngine,
    JsonSchema,
    LengthOptions,
    Likelihood,
    LikelihoodRequest,
    LoadOptions,
    LoraOptions,
    Message,
    Model,
    ModelConfig,
    ModelOptions,
    PairedComparison,
    PairedCorpusTest,
    PairedOptions,
    Perplexity,
    PiiOptions,
    PowerOptions,
    Preview,
    Progress,
    PublishOptions,
    RenderOptions,
    RougeOptions,
    RougeScore,
    Row,
    RowChange,
    RowScore,
    SamplingOptions,
    Score,
    SquadScore,
    StoreOptions,
    StoreProblem,
    StoreReport,
    StoreWatch,
    StreamEvent,
    TerOptions,
    TokenLogprob,
    Tool,
    ToolCall,
    Trainer,
    TrainOptions,
    TrainPlan,
    TrainResult,
    accuracy,
    approximate_randomization,
    bfcl_ast_check,
    bootstrap_corpus,
    bootstrap_mean,
    brier_score,
    calibration,
    clustered,
    cohens_kappa,
    compare_paired,
    document_likelihood,
    exact_match,
    f1_score,
    function_name_and_args_match,
    function_name_match,
    info,
    matthews_correlation,
    mcnemar_exact,
    minimum_detectable_effect,
    number_check,
    paired_bootstrap,
    pass_at_k,
    perplexity,
    pooled,
    porter_stem,
    rouge,
    set_log_sink,
    sign_test,
    softmax,
    squad,
    string_check,
    summarize,
    token_f1,
    train_all_weights,
    version,
)

__version__ = version()
__all__ = sorted(name for name in globals() if not name.startswith("_"))
