// What rank 0 says arrives as it was said, or not at all.
#include "model/rank_messages.h"

#include <gtest/gtest.h>

namespace whorl {
namespace {

using model::RankMessage;

RankMessage said() {
  RankMessage m;
  m.kind = RankMessage::Kind::step;
  m.gone = {3, 9};
  m.number = 7;
  m.pages = 11, m.page_size = 16;
  m.limits.rows = 576, m.limits.rank = 8;
  m.pairs = {{5, 2, 0.5f}};
  m.ids = {1, 2, 3}, m.positions = {0, 1, 0}, m.sequence_pages = {4, 5};
  m.sequences = {{0, 2, 0, 1}, {2, 3, 8, 1}};
  m.adapters = {{0, 2, 9}};
  return m;
}

TEST(RankMessages, ArriveWhole) {
  const RankMessage got = model::message_of(to_bytes(said()));
  EXPECT_EQ(got.kind, RankMessage::Kind::step);
  EXPECT_EQ(got.gone, said().gone);
  EXPECT_EQ(got.number, 7u);
  EXPECT_EQ(got.pages, 11);
  EXPECT_EQ(got.page_size, 16);
  EXPECT_EQ(got.limits.rows, 576);
  EXPECT_EQ(got.limits.rank, 8);
  EXPECT_EQ(got.pairs.at(0).rank, 2);
  EXPECT_EQ(got.pairs.at(0).scale, 0.5f);
  EXPECT_EQ(got.ids, said().ids);
  EXPECT_EQ(got.positions, said().positions);
  EXPECT_EQ(got.sequence_pages, said().sequence_pages);
  EXPECT_EQ(got.sequences.at(1).past, 8);
  EXPECT_EQ(got.adapters.at(0).adapter, 9u);
}

TEST(RankMessages, WhatIsCutShortOrTooLongIsRefused) {
  const std::string bytes = to_bytes(said());
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_THROW(model::message_of(bytes.substr(0, size)), std::runtime_error) << size;
  EXPECT_THROW(model::message_of(bytes + "x"), std::runtime_error);
}

}  // namespace
}  // namespace whorl
