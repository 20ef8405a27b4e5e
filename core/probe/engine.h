// Active probes: all that are asked for run together in one event loop, paced and within one budget.
// Nothing is sent but what was asked: to next hops, to the host's own listeners, to its resolvers, to named targets.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "core/facts/facts.h"
#include "core/kernel/netns.h"
#include "core/probe/onlooker.h"

namespace hostcheck::probe {

// What somebody wants to know.
struct Ask {
  std::string kind;                         // name of a Kind
  std::string target;                       // what the kind takes: "10.0.0.1", "[2001:db8::1]:443", "db.example:5432"
  std::string netns;                        // name of the namespace it is sent from, as in NetnsInfo
  std::map<std::string, std::string> args;  // the kind's own options, by name
  std::vector<std::string> asked_by;        // ids of checks, "--target", "by hand"
};

struct Kind;
// All kinds of probes, by name.
[[nodiscard]] std::span<const Kind* const> all_kinds();

// Bounds of everything that one engine sends.
struct Limits {
  std::chrono::steady_clock::time_point deadline;  // all probes end then, with what is known
  std::uint32_t packets = 20000;                   // all probes together
  std::uint32_t half_open = 64;                    // unanswered SYNs to one address at a time
  std::chrono::microseconds gap{500};              // least time between two packets to one address
};

// A kind of probe, for help texts and errors.
struct KindInfo {
  std::string_view name;
  std::string_view target;                   // what it takes, e.g. "HOST:PORT"
  std::string_view meaning;                  // one sentence
  std::span<const std::string_view> args;    // "name=what it means"
  std::span<const std::string_view> tables;  // fact tables that it fills beside probe_results
};
// All kinds, by name.
[[nodiscard]] std::vector<KindInfo> kinds();
// Whether an ask can be run: its kind and the names of its arguments are known. The error names the nearest name.
[[nodiscard]] Result<void> check(const Ask& ask);

class Engine {
 public:
  // namespaces: those that asks may name. kinds: those that asks may name; they outlive the engine.
  Engine(Limits limits, std::vector<kernel::NetnsInfo> namespaces, std::span<const Kind* const> kinds = all_kinds());

  // Tells an onlooker of everything that is sent from now on.
  void tell(Onlooker onlooker) { onlooker_ = std::move(onlooker); }

  // Runs the asks, equal ones once, all at the same time, and returns when the last has ended, at the latest a quarter
  // of a second after the deadline: by then every probe has ended by itself, and one that has not is cut off, which its
  // row says. Each makes one row of probe_results and those of its own tables in out; a table's rows are there (perhaps
  // none) once a probe of its kind was run. May be called again; numbers and budgets go on.
  void run(std::span<const Ask> asks, facts::Facts& out);

  [[nodiscard]] std::uint32_t packets_sent() const { return sent_; }
  // Whether the probe of this number (ProbeResult::id) was not run because its ask cannot be used: a target or an
  // argument names what there is not or may not be.
  [[nodiscard]] bool is_unusable(std::uint32_t id) const { return unusable_.contains(id); }

 private:
  friend class Context;
  struct HalfOpenCount;
  Limits limits_;
  std::vector<kernel::NetnsInfo> namespaces_;
  std::span<const Kind* const> kinds_;
  Onlooker onlooker_;
  std::uint32_t sent_ = 0;
  std::uint32_t next_id_ = 1;
  std::set<std::uint32_t> unusable_;
  std::map<std::string, std::chrono::steady_clock::time_point> next_turn_;  // of each address
  std::map<std::string, std::shared_ptr<HalfOpenCount>> half_open_;         // of each address
};

}  // namespace hostcheck::probe
