// What a check says of a host.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/facts/cell.h"

namespace hostcheck::checks {

enum class Severity : std::uint8_t { info, warning, critical };
enum class Status : std::uint8_t { confirmed, suspected, inconclusive, refuted };
enum class Outcome : std::uint8_t {
  finding,  // at least one finding
  clear,    // everything that it reads was read, and nothing is wrong
  unknown,  // something that it reads could not be read; reason says what
  error,    // the check itself failed; reason says how
  skipped,  // not run by the user's choice (--only, --skip, --observe 0, --probe off); reason says which
};
[[nodiscard]] std::string_view name_of(Severity severity);
[[nodiscard]] std::string_view name_of(Status status);
[[nodiscard]] std::string_view name_of(Outcome outcome);
// By name; nullopt for any other text.
[[nodiscard]] std::optional<Severity> parse_severity(std::string_view text);
[[nodiscard]] std::optional<Status> parse_status(std::string_view text);
[[nodiscard]] std::optional<Outcome> parse_outcome(std::string_view text);

struct Evidence {
  std::string what;        // "accept queue"
  facts::Value value;      // 57
  std::string unit;        // "SYNs"; "" for names
  std::string source;      // "sock_diag SK_MEMINFO_DROPS"
  std::string when;        // "now" or "delta over 2.0 s"
  bool parameter = false;  // a threshold that the finding was judged by, and no observation
};

struct Exclusion {
  std::string id;       // the check that is excluded
  std::string because;  // "61 of 262144 entries"
};

struct Fix {
  std::string text;
  std::string command;                  // "" when it takes more than a command
  std::string persist;                  // where it is kept over a reboot; may be ""
  std::string sysctl;                   // shown only where the running kernel has this sysctl; "" for always
  std::vector<std::string> roles = {};  // not shown where the namespace has other roles only; empty for always
};

// What a probe has to decide about a finding that is only likely.
struct Doubt {
  std::string probe;  // its kind
  std::string target;
  std::string netns;
  std::map<std::string, std::string> args;
  std::map<std::string, facts::Value, std::less<>> row;  // of the rule's answer, by column
};

struct Finding {
  std::string id;
  std::string title;
  Severity severity = Severity::warning;
  Status status = Status::suspected;
  std::vector<std::pair<std::string, facts::Value>> subject;  // in the rule's order, NULLs left out
  std::string summary;
  std::string why;
  std::vector<Evidence> evidence;
  std::vector<Exclusion> excluded;
  std::vector<std::string> not_excluded;  // "conntrack.table_full: unknown, needs CAP_NET_ADMIN"
  std::vector<Fix> fix;
  std::vector<std::string> causes;   // ids of findings of this run that explain this one
  std::vector<std::string> effects;  // ids of findings of this run that this one explains
  std::vector<std::string> references;
  // Why the status is not confirmed: what refutes it, why the probe could not decide, why none was sent.
  std::string because;
  std::optional<Doubt> doubt;  // where the rule has a [confirm] and the row something to probe
};

// What a check asks the probes to find out.
struct ProbeRequest {
  std::string kind;    // "connect", "sweep", "pmtu", "trace", "gateway", "dns", "listener"
  std::string target;  // "10.0.0.1:443"
  std::string netns;   // namespace to send from
  std::vector<std::pair<std::string, facts::Value>> args;
};

// What became of one check in a run.
struct CheckResult {
  std::string id;
  Outcome outcome = Outcome::clear;
  std::string reason;  // for unknown, error, skipped; and for finding when a part could not be judged
  std::string remedy;  // what would make unknown known; may be ""
  std::chrono::microseconds duration{0};
  std::vector<Finding> findings;
  std::vector<ProbeRequest> probes;  // that a plugin asks for on behalf of this check
};

}  // namespace hostcheck::checks
