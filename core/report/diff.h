// What differs between hosts, as text for people and as JSON for machines.
#pragma once

#include <string>
#include <vector>

#include "core/conclude/compare.h"

namespace hostcheck::report {

// Who was compared.
struct DiffHost {
  std::string file;    // "" for the live host
  std::string name;    // as it calls itself
  std::string kernel;  // uname(2) release
  std::string taken;   // UTC, as in the report
};

// hosts: one for each of the comparison's. One JSON object, schema hostcheck.diff/1 (diff.schema.json).
[[nodiscard]] std::string diff_as_json(const conclude::Comparison& comparison, const std::vector<DiffHost>& hosts);
// verbose: every difference, and every reason why something could not be compared.
[[nodiscard]] std::string diff_as_text(const conclude::Comparison& comparison, const std::vector<DiffHost>& hosts,
                                       bool verbose);

// A difference's fact in words: "eth0 mtu", "net.ipv4.conf.{all,eth0}.rp_filter".
[[nodiscard]] std::string words_of(const conclude::Difference& difference);

}  // namespace hostcheck::report
