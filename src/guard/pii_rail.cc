// Personal data: the finder of whorl/pii.h over the views in which digits and addresses survive.
#include <whorl/pii.h>

#include <algorithm>
#include <array>

#include "base/check.h"
#include "guard/rail.h"
#include "guard/views.h"

namespace whorl::guard {

namespace {

class PiiRail : public TextRail {
 public:
  PiiRail(PiiRailOptions options, FindPiiOptions find) : options_(std::move(options)), finder_(find) {}
  const std::string& name() const override { return options_.rail; }
  std::unique_ptr<Scan> scan() const override;

  const PiiFinder& finder() const { return finder_; }
  Finding finding_of(const PiiEntity& found, size_t begin, size_t end) const {
    Finding out;
    out.rail = options_.rail;
    out.rule = found.entity;
    out.reason = "the text holds personal data (" + found.entity + ")";
    out.begin = begin;
    out.end = end;
    out.score = found.score;
    out.action = options_.action;
    if (out.action != Action::mask) return out;
    out.replacement = options_.mask_token.empty() ? "<" + found.entity + ">" : options_.mask_token;
    return out;
  }

 private:
  PiiRailOptions options_;
  PiiFinder finder_;
};

// The look-alikes of folded come last: an e-mail address in plain text keeps its accents.
constexpr std::array views{ViewKind::plain, ViewKind::folded, ViewKind::spaced, ViewKind::hidden};

class PiiScan : public Scan {
 public:
  explicit PiiScan(const PiiRail& rail) : rail_(rail) {}

  size_t advance(const Text& text, std::vector<Finding>* findings) override {
    size_t hold = text.size();
    for (size_t i = 0; i < views.size(); ++i) hold = std::min(hold, search(text, i, findings));
    const size_t children = text.first_child() + text.children().size();
    for (; next_child_ < children; ++next_child_)
      search_child(text.children()[next_child_ - text.first_child()], findings);
    return hold;
  }

 private:
  size_t search(const Text& text, size_t i, std::vector<Finding>* findings) {
    const View& view = text.view(views[i]);
    // Without a change it says what the first says; from where the first has come it can go on alone.
    const bool spaced = views[i] == ViewKind::spaced;
    if (i > 0 && (spaced ? text.finished() && !view.loosened() : !view.diverged())) {
      if (views[i] == ViewKind::folded) from_[i] = from_[0];
      return view.settled();
    }
    std::vector<PiiEntity> found;
    const size_t from = std::max(from_[i], view.base());
    const size_t next =
        view.base() + rail_.finder().advance(view.window(), from - view.base(), text.finished(), &found);
    from_[i] = next;
    for (const PiiEntity& one : found) {
      const size_t begin = view.base() + one.begin, end = view.base() + one.end;
      if (views[i] == ViewKind::spaced && !view.touches_loosened(begin, end)) continue;
      findings->push_back(rail_.finding_of(one, view.origin_begin(begin), view.origin_end(end)));
    }
    return next < view.end() ? view.origin_begin(next) : view.settled();
  }

  void search_child(const Text::Child& child, std::vector<Finding>* findings) {
    std::vector<Finding> inside;
    PiiScan(rail_).advance(*child.text, &inside);
    for (Finding& one : inside) {
      one.begin = child.begin;
      one.end = child.end;
      findings->push_back(std::move(one));
    }
  }

  const PiiRail& rail_;
  std::array<size_t, views.size()> from_{};
  size_t next_child_ = 0;
};

std::unique_ptr<Scan> PiiRail::scan() const { return std::make_unique<PiiScan>(*this); }

}  // namespace

std::shared_ptr<const TextRail> make_pii_rail(const PiiRailOptions& options, std::string_view context) {
  FindPiiOptions find;
  find.entities = options.entities;
  find.score_threshold = options.score_threshold;
  try {
    return std::make_shared<PiiRail>(options, find);
  } catch (const std::invalid_argument& error) {
    base::invalid(context, ": ", error.what());
  }
}

}  // namespace whorl::guard
