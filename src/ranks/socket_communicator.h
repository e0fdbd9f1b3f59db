#pragma once
// A star: every rank speaks with rank 0 alone, which adds in the order of ranks. Tensors pass in chunks, so
// that what it holds beside them is bounded.
#include "ranks/communicator.h"
#include "ranks/frame.h"

namespace whorl::ranks {

class SocketCommunicator final : public Communicator {
 public:
  // `sockets`: on rank 0 one for each rank (its own is empty), elsewhere the one to rank 0.
  SocketCommunicator(const Place& place, std::vector<Socket> sockets, std::string context);

  int rank() const override { return place_.rank; }
  int size() const override { return place_.size; }
  void all_reduce_sum(const Tensor& x) override;
  std::vector<std::string> all_gather(std::string_view mine) override;
  void broadcast(void* data, size_t size) override;
  void watch(std::string_view what, const std::function<bool()>& done) override;
  void fail(std::string_view why) noexcept override;

 private:
  bool hosts() const { return place_.rank == 0; }
  size_t links() const { return sockets_.size(); }
  int rank_of(size_t link) const { return hosts() ? static_cast<int>(link) : 0; }
  std::string name_of_link(size_t link) const;
  double patience() const;  // seconds

  void send(size_t link, Topic topic, std::string_view bytes);
  void send_to_all(Topic topic, std::string_view bytes);
  std::string receive(size_t link, Topic topic);
  void receive_into(size_t link, Topic topic, void* data, size_t size);
  FrameHeader header_from(size_t link, Topic topic);
  // Until the link has something to say; a rank that is lost meanwhile is noticed too.
  void wait(size_t link);

  // Reads nothing that belongs to a later call; a rank that is lost or at another call throws.
  void look(size_t link, std::string_view what);
  void look_at_all(std::string_view what);

  // Turns what went wrong on a link into an error that all ranks get.
  void guarded(size_t link, const std::function<void()>& work);
  [[noreturn]] void lost(size_t link, const std::string& what);
  [[noreturn]] void end(const std::string& sentence);
  void tell(std::string_view sentence) noexcept;

  Place place_;
  std::vector<Socket> sockets_;
  std::string context_;
  std::vector<float> chunk_;
  uint32_t sequence_ = 0;
  bool failed_ = false;
};

}  // namespace whorl::ranks
