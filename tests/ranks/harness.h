#pragma once
// Ranks as threads of one process, each with sockets of its own.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "ranks/communicator.h"

namespace whorl::testing {

// A port that nobody has just now.
inline int free_port() {
  const int s = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  EXPECT_EQ(bind(s, reinterpret_cast<sockaddr*>(&at), size), 0);
  getsockname(s, reinterpret_cast<sockaddr*>(&at), &size);
  ::close(s);
  return ntohs(at.sin_port);
}

inline ranks::Place place_at(int port, int rank, int size, double timeout = 20) {
  ranks::Place place;
  place.rank = rank, place.size = size, place.address = "127.0.0.1", place.port = port;
  place.timeout_seconds = timeout;
  return place;
}

using Work = std::function<void(ranks::Communicator&)>;

// What each rank's work threw, by rank; "" where it did not. An exception ends the rank as it does a
// trainer's.
inline std::vector<std::string> run_ranks(const std::vector<ranks::Place>& places, const Work& work) {
  std::vector<std::string> errors(places.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < places.size(); ++i)
    threads.emplace_back([&, i] {
      std::unique_ptr<ranks::Communicator> all;
      try {
        all = ranks::join(places[i], "[test]");
        work(*all);
      } catch (const std::exception& e) {
        errors[i] = e.what();
        if (all) all->fail(e.what());
      }
    });
  for (std::thread& thread : threads) thread.join();
  return errors;
}

inline std::vector<ranks::Place> places(int size, double timeout = 20) {
  const int port = free_port();
  std::vector<ranks::Place> out;
  for (int rank = 0; rank < size; ++rank) out.push_back(place_at(port, rank, size, timeout));
  return out;
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}
#define EXPECT_CONTAINS(text, part) \
  EXPECT_TRUE(contains(text, part)) << "'" << (text) << "' lacks '" << (part) << "'"

}  // namespace whorl::testing
