// The walk alone: which step may start, who retries, when to give up. No clock, no files.
#include "pipeline/walk.h"

#include <gtest/gtest.h>

namespace whorl::pipeline {
namespace {

struct Walked {
  Spec spec;
  Walk walk;
  explicit Walked(const std::string& steps, std::vector<size_t> items = {}, const std::string& rest = "")
      : spec(spec_from_json(R"({"name": "p", "steps": [)" + steps + "]" + rest + "}", "test", "")),
        walk(spec, items.empty() ? std::vector<size_t>(spec.steps.size(), 1) : items) {}
  std::string ready(double now = 0) const {
    std::string text;
    for (const auto id : walk.ready(now))
      text += (text.empty() ? "" : " ") + spec.steps[id.step].name +
              (walk.items(id.step) > 1 ? "." + std::to_string(id.item) : "");
    return text;
  }
  void ok(size_t step, size_t item = 0) {
    walk.started({step, item});
    walk.succeeded({step, item});
  }
  void bad(size_t step, size_t item = 0, Fault fault = Fault::code, double now = 0) {
    walk.started({step, item});
    walk.failed({step, item}, fault, now);
  }
};

std::string step(const std::string& name, const std::string& more = "") {
  return R"({"name": ")" + name + R"(", "kind": "command", "with": {"command": "x"})" + more + "}";
}

TEST(Walk, AFailureStopsOnlyWhatNeedsIt) {
  Walked w(step("a") + "," + step("b") + "," + step("c", R"(, "needs": "a")") + "," +
           step("d", R"(, "needs": "c")") + "," + step("e", R"(, "needs": "b")"));
  EXPECT_EQ(w.ready(), "a b");
  w.bad(0);
  EXPECT_EQ(w.walk.state(size_t{2}), State::omitted);
  EXPECT_EQ(w.walk.state(size_t{3}), State::omitted);
  w.ok(1);
  EXPECT_EQ(w.ready(), "e");
  w.ok(4);
  EXPECT_TRUE(w.walk.done());
  EXPECT_EQ(w.walk.run_state(), State::failed);
}

TEST(Walk, RetriesAreForFaultsThatThePolicyCovers) {
  const std::string once =
      R"(, "retry": {"limit": 2, "backoff": {"seconds": 10, "factor": 3, "max_seconds": 25}})";
  Walked w(step("a", once));
  w.bad(0, 0, Fault::infrastructure, 100);
  EXPECT_EQ(w.walk.state(size_t{0}), State::running);
  EXPECT_EQ(w.ready(109.9), "");
  EXPECT_EQ(w.walk.wake_at(), 110);
  EXPECT_EQ(w.ready(110), "a");
  w.bad(0, 0, Fault::infrastructure, 200);
  EXPECT_EQ(w.walk.wake_at(), 225);  // 30, but at most 25
  w.bad(0, 0, Fault::infrastructure, 300);
  EXPECT_EQ(w.walk.state(size_t{0}), State::failed);
  EXPECT_EQ(w.walk.attempts({0, 0}), 3);

  Walked code(step("a", once));
  code.bad(0, 0, Fault::code);
  EXPECT_EQ(code.walk.state(size_t{0}), State::failed) << "the code's own fault is not tried again";
}

TEST(Walk, PoliciesOfRetry) {
  struct Case {
    const char* policy;
    Fault fault;
    bool again;
  };
  for (const auto& c : std::vector<Case>{{"infrastructure", Fault::infrastructure, true},
                                         {"infrastructure", Fault::code, false},
                                         {"infrastructure", Fault::timeout, false},
                                         {"any", Fault::infrastructure, true},
                                         {"any", Fault::code, true},
                                         {"any", Fault::timeout, true},
                                         {"any", Fault::rejected, false},
                                         {"any", Fault::cancelled, false},
                                         {"never", Fault::infrastructure, false}}) {
    PipelineRetry retry{.limit = 1, .policy = c.policy};
    EXPECT_EQ(may_retry(retry, c.fault, 1), c.again) << c.policy << " " << name_of(c.fault);
    EXPECT_FALSE(may_retry(retry, c.fault, 2));
  }
}

TEST(Walk, ExitStatusesTellWhoseFaultItWas) {
  for (const int status : {85, 129, 137, 143, -1})
    EXPECT_EQ(fault_of_exit(status), Fault::infrastructure) << status;
  for (const int status : {1, 2, 127, 128, 134, 139}) EXPECT_EQ(fault_of_exit(status), Fault::code) << status;
  EXPECT_EQ(fault_of_exit(0), Fault::none);
  EXPECT_EQ(fault_of_exit(86), Fault::rejected);
}

TEST(Walk, AllItemsRunAndThePolicyDecides) {
  for (const auto& [policy, fails, verdict] :
       std::vector<std::tuple<std::string, size_t, State>>{{"all", 0, State::succeeded},
                                                           {"all", 1, State::failed},
                                                           {"any", 2, State::succeeded},
                                                           {"any", 3, State::failed},
                                                           {"at_least 2", 1, State::succeeded},
                                                           {"at_least 2", 2, State::failed}}) {
    Walked w(step("a", R"(, "foreach": [1, 2, 3], "failure_policy": ")" + policy + "\"") + "," +
                 step("b", R"(, "needs": "a")"),
             {3, 1});
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_NE(w.walk.ready(0).size(), 0u) << "the other items still run";
      i < fails ? w.bad(0, i) : w.ok(0, i);
    }
    EXPECT_EQ(w.walk.state(size_t{0}), verdict) << policy << " with " << fails;
    EXPECT_EQ(w.walk.state(size_t{1}), verdict == State::succeeded ? State::waiting : State::omitted);
  }
}

TEST(Walk, SkippedItemsDoNotCount) {
  Walked w(step("a", R"(, "foreach": [1, 2])"), {2});
  w.walk.skipped({0, 0});
  w.ok(0, 1);
  EXPECT_EQ(w.walk.state(size_t{0}), State::succeeded);
  Walked none(step("a", R"(, "foreach": [1, 2])") + "," + step("b", R"(, "needs": "a")"), {2, 1});
  none.walk.skipped({0, 0});
  none.walk.skipped({0, 1});
  EXPECT_EQ(none.walk.state(size_t{0}), State::skipped);
  EXPECT_EQ(none.walk.state(size_t{1}), State::omitted);
  EXPECT_EQ(none.walk.run_state(), State::succeeded) << "a skip is no failure";
}

TEST(Walk, AForeachOverNothingSucceedsWhenItsTurnComes) {
  Walked w(
      step("a") + "," + step("b", R"(, "needs": "a", "foreach": [])") + "," + step("c", R"(, "needs": "b")"),
      {1, 0, 1});
  EXPECT_EQ(w.walk.state(size_t{1}), State::waiting);
  w.ok(0);
  EXPECT_EQ(w.walk.state(size_t{1}), State::succeeded);
  EXPECT_EQ(w.ready(), "c");
}

TEST(Walk, ExitStepsRunLastWhateverHappened) {
  const std::string rest = R"(, "on_exit": "z")";
  Walked w(step("z") + "," + step("a") + "," + step("b", R"(, "needs": "a")"), {}, rest);
  EXPECT_EQ(w.ready(), "a");
  w.bad(1);
  EXPECT_TRUE(w.walk.main_done());
  EXPECT_EQ(w.walk.main_state(), State::failed);
  EXPECT_EQ(w.ready(), "z");
  w.ok(0);
  EXPECT_EQ(w.walk.run_state(), State::failed);

  Walked c(step("z") + "," + step("a") + "," + step("b"), {}, rest);
  c.walk.started({1, 0});
  c.walk.cancel();
  EXPECT_EQ(c.ready(), "") << "what runs is to end first";
  c.walk.failed({1, 0}, Fault::cancelled, 0);
  EXPECT_EQ(c.ready(), "z");
  c.ok(0);
  EXPECT_EQ(c.walk.run_state(), State::cancelled);
}

TEST(Walk, ExitStepsNeedEachOtherAsOthersDo) {
  const std::string steps = step("tidy", R"(, "needs": "tell")") + "," + step("tell") + "," + step("a");
  const std::string rest = R"(, "on_exit": ["tidy", "tell"])";
  Walked w(steps, {}, rest);
  EXPECT_EQ(w.ready(), "a");
  w.bad(2);
  EXPECT_EQ(w.ready(), "tell") << "whatever happened before";
  w.ok(1);
  EXPECT_EQ(w.ready(), "tidy");
  w.ok(0);
  EXPECT_TRUE(w.walk.done());

  Walked f(steps, {}, rest);
  f.ok(2);
  f.bad(1);
  EXPECT_EQ(f.walk.state(size_t{0}), State::omitted);
  EXPECT_EQ(f.walk.run_state(), State::failed);
}

TEST(Walk, EventsThatDoNotFitAreBugs) {
  Walked w(step("a"));
  EXPECT_THROW(w.walk.succeeded({0, 0}), std::logic_error);
  w.ok(0);
  EXPECT_THROW(w.walk.started({0, 0}), std::logic_error);
}

}  // namespace
}  // namespace whorl::pipeline
