#include <filesystem>

#include <fmt/format.h>

#include "core/checks/rule.h"
#include "core/cli/catalogue.h"
#include "core/cli/commands.h"
#include "core/cli/console.h"
#include "core/cli/exit_status.h"
#include "core/cli/new_plugin.h"

namespace hostcheck::cli {
namespace {

namespace fs = std::filesystem;

// What loads already and whose first test fails. {0}: the id.
constexpr const char* kRule = R"toml(id       = "{0}"
title    = "The fault in a few words, without numbers"
severity = "warning"                 # info, warning; critical needs claim = "live"
claim    = "state"                   # state: the row proves it. live: a counter moved or an event was seen. likely: a probe decides
# Each row of the answer is one finding. `hostcheck tables` shows what can be asked, `hostcheck query` tries it out.
query    = """
SELECT netns, ifname, mtu
  FROM links
 WHERE mtu < :least
   AND false                         -- take this line out once the query says what the fault is
"""
subject  = ["netns", "ifname"]
summary  = "{{ifname}} in {{netns}} has an MTU of {{mtu}} bytes"

[params]
least = {{ default = 1280, unit = "bytes", why = "why this value and no other" }}

[doc]
# What users of the host notice, and why it happens.
why = ""
# What mends it: fix = [{{ text = "...", command = "sysctl -w net...=1", persist = "/etc/sysctl.d/" }}]
fix = []
# When it fires and all is well.
false_alarms = ""
references = []

# hostcheck test FILE runs these; hostcheck test --record NAME FILE makes one of the present host's facts.
[[test]]
name = "the fault is found"
facts.links = [{{ ifname = "eth0", mtu = 576 }}]
expect = [{{ status = "confirmed", subject = {{ ifname = "eth0" }} }}]

[[test]]
name = "the boundary is clear"
facts.links = [{{ ifname = "eth0", mtu = 1280 }}]

[[test]]
name = "a healthy host is clear"
facts.links = [{{ ifname = "eth0", mtu = 1500 }}]

[[test]]
name = "unknown where it cannot be read"
absent = [{{ table = "links", code = "denied", reason = "needs more privilege" }}]
outcome = "unknown"
)toml";

Result<void> not_taken(const std::string& id) {
  auto catalogue = load_catalogue(RuleOptions{});
  if (!catalogue) return {};  // no installed rules: nothing to clash with
  for (const checks::Rule& rule : catalogue->rules) {
    if (rule.id != id) continue;
    return unexpected(make_error(ErrorCode::invalid, "new rule", id, "this id is taken by " + rule.file));
  }
  return {};
}

Result<std::string> path_for(const std::string& id, const std::string& folder) {
  std::error_code error;
  const std::string area(area_of(id));
  if (!folder.empty()) {
    if (!fs::is_directory(folder, error)) return unexpected(errno_error(ENOENT, "open folder", folder));
    return (fs::path(folder) / (id + ".toml")).string();
  }
  if (!fs::is_directory("rules", error)) return id + ".toml";
  fs::create_directory(fs::path("rules") / area, error);
  if (error) return unexpected(errno_error(error.value(), "make folder", "rules/" + area));
  return (fs::path("rules") / area / (id.substr(area.size() + 1) + ".toml")).string();
}

int new_rule(const std::string& id, const std::string& folder) {
  if (auto good = checks::check_id(id); !good) return fail(good.error());
  if (auto free = not_taken(id); !free) return fail(free.error());
  const auto path = path_for(id, folder);
  if (!path) return fail(path.error());
  std::error_code error;
  if (fs::exists(*path, error)) return fail(make_error(ErrorCode::invalid, "new rule", *path, "there is such a file"));
  if (auto written = write_whole(*path, fmt::format(fmt::runtime(kRule), id)); !written) return fail(written.error());
  return print(*path + "\nFill in the query, the page and the tests, then: hostcheck test " + *path + "\n")
             ? kExitOk
             : kExitUnknown;
}

}  // namespace

int make_new(const NewOptions& options) {
  if (options.kind == "rule") return new_rule(options.name, options.folder);
  const auto made = new_plugin(options.name, options.folder);
  if (!made) return fail(made.error());
  const std::string build = fmt::format("cmake -S {0} -B {0}/build && cmake --build {0}/build", *made);
  const bool inside = fs::path(*made).parent_path() == "plugins";
  return print(fmt::format(
             "{}\nFill in the input, the code, the page and the tests, then: {}hostcheck test {}\n", *made,
             inside ? "" : build + " && ",
             inside ? "BUILD/hostcheck-plugins/" + options.name : *made + "/build/hostcheck-plugins/" + options.name))
             ? kExitOk
             : kExitUnknown;
}

}  // namespace hostcheck::cli
