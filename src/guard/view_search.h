#pragma once
// How far the search of one group of patterns has come in one view.
#include <cstddef>
#include <functional>
#include <vector>

#include "guard/automata.h"
#include "guard/views.h"

namespace whorl::guard {

using SearchReport = std::function<void(const View& view, const Compiled& pattern, size_t begin, size_t end)>;

// Copied where a view parts from the one it was the same as.
class ViewSearch {
 public:
  // Both report final matches, leftmost and longest and apart from each other per pattern, and return the
  // original offset from which matches may still come. `changes_only`: a match counts that touches something
  // read loosely, and begins and ends where words do or within a word that was spelt out.
  size_t advance(const View& view, const Automata& automata, bool finished, bool changes_only,
                 const SearchReport& report);
  // The same, each line a text of its own; a line of more than 4,096 bytes is cut.
  size_t advance_lines(const View& view, const Automata& automata, bool finished, bool changes_only,
                       const SearchReport& report);

 private:
  struct Found {
    size_t pattern, begin, end;
  };
  // Matches in view bytes [from, to), of which [text_begin, to) is what assertions see; those beginning
  // before `live` are final.
  void search(const View& view, const Automata& automata, size_t text_begin, size_t to, size_t live,
              bool changes_only, const SearchReport& report);
  void search_one(const View& view, const Automata& automata, size_t i, size_t text_begin, size_t to,
                  size_t live, bool changes_only);
  void report_final(const View& view, const Automata& automata, size_t live, const SearchReport& report);
  size_t hold(const View& view, size_t live) const;

  size_t done_ = 0;           // matches that begin before it are decided
  size_t seen_ = 0;           // end of the view when it was last looked at
  size_t line_ = 0;           // where the line begins that is being searched
  std::vector<size_t> next_;  // per pattern: where its next match may begin
  std::vector<Found> found_;
  std::vector<Found> allowed_;
  std::vector<int> candidates_;
};

}  // namespace whorl::guard
