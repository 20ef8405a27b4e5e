#include <algorithm>

#include "core/cli/capabilities.h"
#include "core/cli/commands.h"
#include "core/cli/console.h"
#include "core/cli/exit_status.h"
#include "core/conclude/sample.h"
#include "core/kernel/capability.h"
#include "core/observe/observation.h"
#include "core/report/json_text.h"
#include "core/report/layout.h"
#include "core/report/text_parts.h"

namespace hostcheck::cli {
namespace {

std::string as_text(const std::vector<conclude::Capability>& all) {
  std::size_t widest = 0;
  for (const auto& each : all) widest = std::max(widest, each.name.size());
  std::string out;
  std::size_t missing = 0;
  for (const auto& each : all) {
    std::string line = each.detail;
    if (!each.available) {
      ++missing;
      line += "; lost: " + each.lost;
    }
    out += report::labelled((each.available ? "yes  " : "no   ") + report::pad_right(each.name, widest + 2),
                            report::printable(line));
  }
  out += missing == 0 ? "\nhostcheck sees all that it can see on a host.\n"
                      : "\nThe checks that need what is missing are unknown, never clear; hostcheck run names them.\n";
  return out;
}

std::string as_json(const std::vector<conclude::Capability>& all) {
  std::string out = "[";
  for (std::size_t at = 0; at < all.size(); ++at) {
    out += at == 0 ? "\n  {\"name\": " : ",\n  {\"name\": ";
    report::append_json_string(out, all[at].name);
    out += all[at].available ? ", \"available\": true, \"detail\": " : ", \"available\": false, \"detail\": ";
    report::append_json_string(out, all[at].detail);
    out += ", \"lost\": ";
    report::append_json_string(out, all[at].lost);
    out += '}';
  }
  return out + "\n]\n";
}

}  // namespace

std::vector<conclude::Capability> capabilities() {
  std::vector<conclude::Capability> all;
  for (kernel::Capability& each : kernel::probe_capabilities(kernel::FileTree())) {
    all.push_back({std::move(each.name), each.available, std::move(each.detail), std::move(each.lost)});
  }
  return all;
}

int doctor(const DoctorOptions& options) {
  auto all = capabilities();
  for (conclude::Capability& each : conclude::capabilities_of(observe::probe_methods())) all.push_back(std::move(each));
  return print(options.format == "json" ? as_json(all) : as_text(all)) ? kExitOk : kExitUnknown;
}

}  // namespace hostcheck::cli
