// Which sizes to send in order to find the path's MTU, and what the answers mean (RFC 8899). Pure: no sockets, no time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace hostcheck::probe {

// All sizes are those of whole IP packets, bytes.
class PmtuSearch {
 public:
  enum class Outcome : std::uint8_t {
    unanswered,  // not even small packets are answered
    full,        // the largest that the device sends passes
    smaller,     // less passes, and "too big" comes back: path MTU discovery works
    black_hole,  // less passes, larger ones vanish without a word: 3 of 3, while small ones between them pass (6 of 6
                 // on a lossy path)
    unclear,     // too many small ones are lost as well
  };

  // small: a size that every path carries; top: the device's MTU, the largest that can be sent. Those two are asked
  // first, and what a router says that fits next; the usual sizes only where that does not settle it. hint: a path MTU
  // that another method found, 0 for none; it and the next larger size are then asked first. sparing: answers are
  // rationed, so one or two sizes are asked at a time.
  PmtuSearch(std::size_t small, std::size_t top, std::size_t hint = 0, bool sparing = false);

  // The sizes to send now, in this order; empty when the search is over.
  [[nodiscard]] std::vector<std::size_t> next();
  // What became of each of them.
  void answered(std::size_t size);
  void lost(std::size_t size);
  // A router says that `size` is too big; mtu: what it says fits, 0 where it does not say.
  void too_big(std::size_t size, std::size_t mtu);

  [[nodiscard]] Outcome outcome() const;
  // The largest size that was answered; 0 for none.
  [[nodiscard]] std::size_t path_mtu() const { return passes_; }
  // The smallest size that fails; 0 where none does.
  [[nodiscard]] std::size_t failing() const;
  // Lost among the sizes above path_mtu(), and whether a "too big" came for any of them.
  [[nodiscard]] std::uint32_t large_lost() const;
  [[nodiscard]] bool told() const { return !told_.empty(); }
  [[nodiscard]] std::uint32_t small_sent() const { return small_sent_; }
  [[nodiscard]] std::uint32_t small_answered() const { return small_answered_; }

 private:
  [[nodiscard]] std::vector<std::size_t> first() const;
  [[nodiscard]] std::vector<std::size_t> usual(std::size_t low, std::size_t high) const;
  [[nodiscard]] std::vector<std::size_t> between(std::size_t low, std::size_t high) const;
  [[nodiscard]] bool hinted() const { return hint_ > small_ && hint_ <= top_; }
  [[nodiscard]] bool settled() const;
  [[nodiscard]] std::uint32_t tries() const;
  [[nodiscard]] std::uint32_t losses(std::size_t size) const;

  std::size_t small_;
  std::size_t top_;
  std::size_t hint_;
  bool sparing_;
  bool begun_ = false;
  bool asked_usual_ = false;
  std::size_t passes_ = 0;
  std::map<std::size_t, std::uint32_t> lost_;  // by size, above passes_
  std::map<std::size_t, std::size_t> told_;    // by size, above passes_: the MTU that a router told
  std::uint32_t by_chance_ = 0;                // packets lost although they fit
  std::uint32_t small_sent_ = 0;
  std::uint32_t small_answered_ = 0;
  std::uint32_t rounds_ = 0;
};

}  // namespace hostcheck::probe
