// The BPF programs of the observation: loaded, attached, read. Everything is gone when the object is destroyed or the
// process dies: nothing is pinned.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "core/observe/kernel_types.h"
#include "core/observe/methods.h"
#include "ebpf/observe.h"

namespace hostcheck::observe {

template <typename Key, typename Row>
using MapRows = std::vector<std::pair<Key, Row>>;

// Everything that the maps held at the end.
struct TraceRecord {
  std::uint64_t started_ns = 0;  // CLOCK_MONOTONIC
  std::uint64_t ended_ns = 0;
  MapRows<observe_flow_key, observe_flow> flows;
  MapRows<observe_service_key, observe_service> services;
  MapRows<observe_drop_key, observe_drop> drops;
  MapRows<observe_reset_key, observe_reset> resets;
  MapRows<observe_retransmit_key, std::uint64_t> retransmits;
  MapRows<observe_source_key, observe_source> sources;
  MapRows<observe_icmp_key, observe_icmp> icmp_errors;
  observe_lost lost{};
  bool has_drop_reasons = false;   // the kernel tells reasons (5.17 and later)
  bool has_reset_reasons = false;  // 6.10 and later
  bool has_refused_syns = false;   // refused_syns of flows and services are counted
  bool has_refused_acks = false;   // likewise refused_acks
  EnumNames drop_reasons;          // of the running kernel, without SKB_DROP_REASON_
  EnumNames reset_reasons;         // likewise, without SK_RST_REASON_
};

// What one program cost, by the kernel's own statistics (only when they are switched on for the time).
struct ProgramCost {
  std::string program;
  std::uint64_t runs = 0;
  std::uint64_t nanoseconds = 0;
};

class Trace {
 public:
  // netns: inode number of the one namespace to watch, 0 for all. Error code denied without CAP_BPF and CAP_PERFMON (or
  // root), unsupported without BTF or tracing programs.
  [[nodiscard]] static Result<Trace> open(std::uint32_t netns);
  Trace(Trace&&) noexcept;
  Trace& operator=(Trace&&) noexcept;
  ~Trace();

  // Events count from here on. Methods may have become fewer then.
  [[nodiscard]] Result<void> start();
  // Another number than before where the map of drops has changed; costs nothing.
  [[nodiscard]] std::uint64_t drops_seen() const;
  // What the map of drops holds now; the programs go on.
  [[nodiscard]] Result<MapRows<observe_drop_key, observe_drop>> drops_so_far() const;
  // Detaches the programs and reads the maps.
  [[nodiscard]] Result<TraceRecord> stop();
  // What happened since start() or the former next(); the programs go on, and the maps keep room for what comes.
  [[nodiscard]] Result<TraceRecord> next();
  // Between two calls of next(): makes room in the map of attempts where it is getting full.
  void make_room();
  [[nodiscard]] const std::vector<Method>& methods() const;
  // Link of the iterator of listeners, for half_open_by_iterator(); -1 where this kernel has none.
  [[nodiscard]] int listener_iterator() const;
  // Run time statistics of the programs; zero unless kernel.bpf_stats_enabled is on.
  [[nodiscard]] std::vector<ProgramCost> costs() const;

 private:
  struct State;
  explicit Trace(std::unique_ptr<State> state);
  [[nodiscard]] Result<TraceRecord> read() const;
  std::unique_ptr<State> state_;
};

}  // namespace hostcheck::observe
