#include "core/cli/new_plugin.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>

#include <fmt/format.h>

#include "core/cli/catalogue.h"
#include "core/cli/console.h"

namespace hostcheck::cli {
namespace {

namespace fs = std::filesystem;

// {0} is the plugin's name in all of these.
constexpr const char* kPage = R"toml(name = "{0}"

# What the code reads: `hostcheck tables` shows what can be asked, `hostcheck query` tries it out. Nothing else is
# gathered. needed = true: without a row the code is not started, and the checks are clear.
[[input]]
name   = "devices"
needed = true
query  = '''
SELECT netns, ifname, mtu
  FROM links
 WHERE admin_up = 1
'''

[[check]]
id       = "nic.{0}"                 # area.fault: the fault and never the cure
title    = "The fault in a few words, without numbers"
severity = "warning"                 # info, warning; critical needs claim = "live"
claim    = "state"                   # state: what was read proves it. live: a counter moved or an event was seen. likely: a probe decides
subject  = ["netns", "ifname"]
[check.params]
least = {{ default = 1280, unit = "bytes", why = "why this value and no other" }}
[check.doc]
# What users of the host notice, and why it happens.
why = ""
# What mends it: fix = [{{ text = "...", command = "ip link set {{ifname}} mtu 1500", persist = "..." }}]
fix = []
# When it fires and all is well.
false_alarms = ""
references = []

# Facts of the plugin's own, for rules and queries, if it has any: output.row("{0}_devices", {{{{"ifname", each.ifname}}}}) in
# the code, brings.{0}_devices = [{{ ifname = "eth0" }}] in a test.
# [[table]]
# name    = "{0}_devices"
# meaning = "What it is, one row for each ..."
# [[table.column]]
# name    = "ifname"
# type    = "text"                   # boolean, integer, real, text; unit = "bytes" where it has one
# meaning = "Name of the interface"
# key     = true                     # these together tell rows apart
)toml";

constexpr const char* kCode = R"code(#include <hostcheck/plugin.hpp>

#include <string>

namespace {{

// A row of the input "devices". A cell that may be NULL is a std::optional.
struct Device {{
  std::string_view netns, ifname;
  std::optional<std::int64_t> mtu_bytes;
}};

// What the code is for: a judgement that a SELECT says badly.
bool is_faulty(const Device& device, std::int64_t least) {{
  const bool too_small = device.mtu_bytes && *device.mtu_bytes < least;
  return too_small && false;  // take "&& false" out once it says what the fault is
}}

void check(const hostcheck::Input& input, hostcheck::Output& output) {{
  const auto devices = input.rows<Device>(
      "devices", {{{{"netns", &Device::netns}}, {{"ifname", &Device::ifname}}, {{"mtu", &Device::mtu_bytes}}}});
  for (const Device& each : devices) {{
    if (!is_faulty(each, input.integer("least"))) continue;
    hostcheck::Finding found("nic.{0}");
    found.subject("netns", each.netns).subject("ifname", each.ifname);
    found.summary(std::string(each.ifname) + " has an MTU of " + std::to_string(*each.mtu_bytes) + " bytes");
    found.evidence("MTU", *each.mtu_bytes, "bytes", "IFLA_MTU");
    output.add(found);
  }}
}}

}}  // namespace

HOSTCHECK_PLUGIN("{0}", check)
)code";

constexpr const char* kTests = R"toml(# hostcheck test FOLDER runs these on the built plugin.
[[test]]
name = "the fault is found"
facts.links = [{{ ifname = "eth0", admin_up = 1, mtu = 576 }}]
expect = [{{ status = "confirmed", subject = {{ ifname = "eth0" }}, summary = "eth0 has an MTU of 576 bytes" }}]

[[test]]
name = "the boundary is clear"
facts.links = [{{ ifname = "eth0", admin_up = 1, mtu = 1280 }}]

[[test]]
name = "a healthy host is clear"
facts.links = [{{ ifname = "eth0", admin_up = 1, mtu = 1500 }}]

[[test]]
name = "unknown where it cannot be read"
absent = [{{ table = "links", code = "denied", reason = "needs more privilege" }}]
outcome = "unknown"
)toml";

constexpr const char* kBuild = R"cmake(cmake_minimum_required(VERSION 3.25)
project({0} CXX)
find_package(hostcheck REQUIRED)  # cmake -DCMAKE_PREFIX_PATH=PREFIX, where hostcheck is installed as PREFIX/bin/hostcheck
hostcheck_add_plugin({0})
)cmake";

// Among the project's own plugins, where the SDK is at hand.
constexpr const char* kBuildInside = "hostcheck_add_plugin({0})\n";

Result<void> check_name(const std::string& name) {
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  if (!name.empty() && name.front() >= 'a' && name.front() <= 'z' && std::all_of(name.begin(), name.end(), fits)) {
    return {};
  }
  return unexpected(make_error(ErrorCode::invalid, "new plugin", name,
                               "a plugin's name is lower case letters, digits and _, a letter first"));
}

Result<void> not_taken(const std::string& name) {
  auto catalogue = load_catalogue(RuleOptions{});
  if (!catalogue) return {};  // nothing is installed: nothing to clash with
  for (const plugin::Plugin& each : catalogue->plugins) {
    if (each.name != name) continue;
    return unexpected(make_error(ErrorCode::invalid, "new plugin", name, "this name is taken by " + each.file));
  }
  for (const checks::Rule& each : all_checks(*catalogue)) {
    if (each.id != "nic." + name) continue;
    return unexpected(
        make_error(ErrorCode::invalid, "new plugin", name, fmt::format("nic.{} is taken by {}", name, each.file)));
  }
  return {};
}

}  // namespace

Result<std::string> new_plugin(const std::string& name, const std::string& folder) {
  if (auto good = check_name(name); !good) return unexpected(good.error());
  if (auto free = not_taken(name); !free) return unexpected(free.error());
  std::error_code error;
  const bool inside = folder.empty() && fs::exists("plugins/CMakeLists.txt", error);
  if (!folder.empty() && !fs::is_directory(folder, error)) {
    return unexpected(errno_error(ENOENT, "open folder", folder));
  }
  const fs::path made = (inside ? fs::path("plugins") : fs::path(folder)) / name;
  if (!fs::create_directory(made, error)) {
    if (error) return unexpected(errno_error(error.value(), "make folder", made.string()));
    return unexpected(make_error(ErrorCode::invalid, "new plugin", made.string(), "there is such a folder"));
  }
  const std::array<std::pair<std::string, const char*>, 4> files = {
      std::pair{std::string("plugin.toml"), kPage}, std::pair{name + ".cpp", kCode},
      std::pair{std::string("tests.toml"), kTests},
      std::pair{std::string("CMakeLists.txt"), inside ? kBuildInside : kBuild}};
  for (const auto& [file, text] : files) {
    if (auto written = write_whole((made / file).string(), fmt::format(fmt::runtime(text), name)); !written) {
      return unexpected(written.error());
    }
  }
  return made.string();
}

}  // namespace hostcheck::cli
