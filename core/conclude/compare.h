// Compares the facts of hosts: why does that one work? What matters is declared in compared.h.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/conclude/compared.h"
#include "core/facts/facts.h"

namespace hostcheck::conclude {

struct HostFinding {
  std::string id;
  std::string severity;  // "critical", "warning", "info"
};

struct ComparedHost {
  std::string label;  // what it is called; different for each
  std::string group;  // "" where hosts are compared one with the other
  const facts::Facts* facts = nullptr;
  std::vector<std::string> namespaces;  // that its facts are of
  bool anonymous = false;
  // Of its report, refuted ones left out; none: it has no report. Ids that are not there were not found, but those in
  // unjudged could not be judged, for the reason there.
  std::optional<std::vector<HostFinding>> findings;
  std::map<std::string, std::string> unjudged;
};

struct HostValue {
  enum class Kind {
    value,      // null: it has none
    not_there,  // what the value would be of does not exist there
    unknown,    // it could not be read
  };
  Kind kind = Kind::value;
  facts::Value value;
  std::string reason;  // of unknown
  bool operator==(const HostValue&) const = default;
};

struct Difference {
  std::string_view topic;               // "sysctl", "finding", ...
  std::string_view table;               // of the facts; "" for findings
  std::string netns;                    // "" where each host has one, or of the whole machine
  std::vector<std::string> interfaces;  // of which the same is true; empty for what is of none
  std::string subject;                  // the row, within its interface; a sysctl's has its interface as "*"
  std::string_view column;              // "" for the existence of the row
  std::string_view unit;
  Weight weight = Weight::medium;
  Meaning meaning = Meaning::setting;
  std::vector<HostValue> values;  // one for each host
  double gain = 0;                // bits; see separation.h. Only between groups
  double ratio = 0;
  double score = 0;  // ratio times the share of hosts that it is known of
};

// What could not be compared, because of one host.
struct Incomparable {
  std::size_t host = 0;
  std::string_view table;
  std::string_view column;  // "" for whole rows
  std::string reason;
  std::size_t facts = 0;  // how many
  std::string example;    // one of them
};

struct Comparison {
  std::vector<std::string> labels;      // of the hosts, as they were given
  std::vector<std::string> groups;      // of each host; all "" where there are none
  std::vector<Difference> differences;  // the most telling first
  std::vector<Incomparable> incomparable;
  std::size_t equal = 0;           // facts that are known of all hosts and equal
  std::vector<std::string> notes;  // what was taken for the same, what was left out
  [[nodiscard]] bool grouped() const { return !groups.empty() && !groups.front().empty(); }
};

// At least two hosts. With groups, those of at least two: differences are ranked by Difference::score; else by weight.
[[nodiscard]] Comparison compare(std::span<const ComparedHost> hosts);

}  // namespace hostcheck::conclude
