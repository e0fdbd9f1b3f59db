#include "whorl/inference_engine.h"

#include <map>
#include <utility>

#include "base/check.h"
#include "model/model_impl.h"
#include "serve/adapter_directory.h"
#include "serve/constraint.h"
#include "serve/engine_loop.h"
#include "serve/generation.h"
#include "serve/likelihood.h"
#include "serve/prompt.h"

namespace whorl {

using serve::GenerationPlan;
using Groups = std::vector<std::unique_ptr<serve::SequenceGroup>>;
// What the names of one call mean: looked up once, so that all of its requests get the same version.
using Adapters = std::map<std::string, serve::AdapterDirectory::Found>;

struct InferenceEngine::Impl {
  Impl(const Model& base, const AdapterStore* store, const EngineOptions& options)
      : model(base),
        lead(base.impl()->transformer->lead()),
        constraints(base.impl()->tokenizer, ids(base.config().eos_token_ids)),
        adapters(base.impl()->transformer, store, options.adapter_cache_bytes,
                 options.adapter_host_cache_bytes),
        loop(base.impl()->transformer, options) {}

  static std::vector<int32_t> ids(const std::vector<int64_t>& from) { return {from.begin(), from.end()}; }
  std::shared_ptr<const GenerationPlan> plan(const GenerateRequest& request, Adapters& found);
  std::shared_ptr<Generation::Impl> prepare(const GenerateRequest& request, const StreamCallback& callback,
                                            Adapters& found, Groups& groups);
  const serve::AdapterDirectory::Found& resolve(const std::string& name, Adapters& found);
  void check(const LikelihoodRequest& request) const;

  Model model;
  std::shared_ptr<const void> lead;  // other ranks follow until everything below has gone
  serve::Constraints constraints;
  serve::AdapterDirectory adapters;
  serve::EngineLoop loop;  // last: its thread ends before the rest goes
};

const serve::AdapterDirectory::Found& InferenceEngine::Impl::resolve(const std::string& name,
                                                                     Adapters& found) {
  const auto known = found.find(name);
  return known != found.end() ? known->second : found.emplace(name, adapters.resolve(name)).first->second;
}

std::shared_ptr<const GenerationPlan> InferenceEngine::Impl::plan(const GenerateRequest& request,
                                                                  Adapters& found) {
  const Model::Impl& base = *model.impl();
  const int64_t context = base.config.max_position_embeddings;
  serve::check_sampling(request.sampling, context, base.config.vocab_size);
  base::check_argument(
      base.tokenizer || request.sampling.stop.empty(),
      "[InferenceEngine.submit] sampling.stop needs a model with a tokenizer; use stop_token_ids");
  auto plan = std::make_shared<GenerationPlan>();
  plan->submitted = std::chrono::steady_clock::now();
  plan->prompt = serve::prompt_ids(base, request);
  plan->sampling = request.sampling;
  plan->sampling.max_new_tokens =
      std::min(plan->sampling.max_new_tokens, context - static_cast<int64_t>(plan->prompt.size()));
  plan->stop_ids = request.sampling.stop_token_ids;
  if (!request.sampling.ignore_eos)
    plan->stop_ids.insert(plan->stop_ids.end(), base.config.eos_token_ids.begin(),
                          base.config.eos_token_ids.end());
  plan->format = serve::tool_format(base, request);
  plan->grammar = constraints.grammar_for(request, plan->format);
  plan->tokenizer = base.tokenizer;
  plan->vocab = base.config.vocab_size;
  const auto& adapter = resolve(request.adapter, found);
  plan->adapter = adapter.adapter;
  plan->adapter_name = adapter.name;
  plan->adapter_digest = adapter.digest;
  return plan;
}

std::shared_ptr<Generation::Impl> InferenceEngine::Impl::prepare(const GenerateRequest& request,
                                                                 const StreamCallback& callback,
                                                                 Adapters& found, Groups& groups) {
  const auto shared = plan(request, found);
  auto job = std::make_shared<Generation::Impl>(shared->sampling.n, loop.thread_id(), callback);
  auto group = serve::make_group(job, shared);
  loop.check_fits(*group->sequences.front());
  groups.push_back(std::move(group));
  return job;
}

InferenceEngine::InferenceEngine(const Model& base, const EngineOptions& options)
    : impl_(std::make_unique<Impl>(base, nullptr, options)) {}
InferenceEngine::InferenceEngine(const Model& base, const AdapterStore& store, const EngineOptions& options)
    : impl_(std::make_unique<Impl>(base, &store, options)) {}
InferenceEngine::~InferenceEngine() = default;

void InferenceEngine::add_adapter(const std::string& name, const Adapter& adapter) {
  impl_->adapters.add(name, adapter);
}
void InferenceEngine::remove_adapter(const std::string& name) { impl_->adapters.remove(name); }
std::vector<std::string> InferenceEngine::adapters() const { return impl_->adapters.names(); }
const Model& InferenceEngine::model() const { return impl_->model; }

std::vector<int32_t> InferenceEngine::prompt_ids(const GenerateRequest& request) const {
  return serve::prompt_ids(*impl_->model.impl(), request);
}

EngineStats InferenceEngine::stats() const {
  EngineStats out = impl_->loop.stats();
  out.adapters_loaded = impl_->adapters.cache().size();
  out.adapter_bytes = impl_->adapters.cache().bytes();
  out.host_adapters = impl_->adapters.host().size();
  out.host_adapter_bytes = impl_->adapters.host().bytes();
  return out;
}

Generation InferenceEngine::submit(const GenerateRequest& request, const StreamCallback& callback) {
  Groups groups;
  Adapters found;
  auto job = impl_->prepare(request, callback, found, groups);
  impl_->loop.enqueue(std::move(groups), false);
  return Generation(std::move(job));
}

GenerateResult InferenceEngine::generate(const GenerateRequest& request) {
  base::check_argument(request.sampling.n == 1, "[InferenceEngine.generate] expected sampling.n = 1, got ",
                       request.sampling.n, "; use submit, or a list of requests");
  return std::move(generate(std::vector{request}).front().front());
}

std::vector<std::vector<GenerateResult>> InferenceEngine::generate(
    const std::vector<GenerateRequest>& requests) {
  Groups groups;
  Adapters found;
  std::vector<Generation> running;
  for (const auto& request : requests) running.emplace_back(impl_->prepare(request, {}, found, groups));
  impl_->loop.enqueue(std::move(groups), true);
  std::vector<std::vector<GenerateResult>> results;
  try {
    for (const auto& generation : running) results.push_back(generation.wait());
  } catch (...) {
    for (const auto& generation : running) generation.cancel();
    throw;
  }
  return results;
}

void InferenceEngine::Impl::check(const LikelihoodRequest& request) const {
  constexpr const char* where = "[InferenceEngine.log_likelihood] expected ";
  const auto& config = model.config();
  base::check_argument(!request.continuation.empty(), where,
                       "a continuation of at least one token, got none");
  // The last token is scored and never read, so it may stand just behind the model's last position.
  const auto size = static_cast<int64_t>(request.context.size() + request.continuation.size());
  base::check_argument(size <= config.max_position_embeddings + 1, where,
                       "context and continuation within the model's ", config.max_position_embeddings,
                       " tokens and one more, got ", size);
  for (const auto* part : {&request.context, &request.continuation})
    for (const int32_t id : *part)
      base::check_argument(id >= 0 && id < config.vocab_size, where, "token ids in [0, ",
                           config.vocab_size - 1, "], got ", id);
}

std::vector<InferenceEngine::Likelihood> InferenceEngine::log_likelihood(
    const std::vector<LikelihoodRequest>& requests) {
  for (const auto& request : requests) impl_->check(request);
  auto job = std::make_shared<serve::LikelihoodJob>(std::ssize(requests), impl_->loop.thread_id());
  Groups groups;
  Adapters found;
  for (size_t i = 0; i < requests.size(); ++i) {
    auto sequence = std::make_unique<serve::LikelihoodSequence>(
        job, i, requests[i], impl_->resolve(requests[i].adapter, found).adapter);
    if (sequence->max_cached == 0) {  // one token and nothing before it: given, not scored
      sequence->complete();
      continue;
    }
    impl_->loop.check_fits(*sequence);
    auto group = std::make_unique<serve::SequenceGroup>();
    group->sequences.push_back(std::move(sequence));
    groups.push_back(std::move(group));
  }
  impl_->loop.enqueue(std::move(groups), true);
  job->wait();
  return std::move(job->results);
}

Generation::Generation(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
bool Generation::done() const { return impl_->done(); }
bool Generation::wait_for(double seconds) const { return impl_->wait_for(seconds); }
void Generation::cancel() const { impl_->cancel(); }
std::vector<GenerateResult> Generation::wait() const {
  impl_->wait();
  return impl_->results;
}

}  // namespace whorl
