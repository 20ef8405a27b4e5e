#include <algorithm>
#include <array>
#include <filesystem>
#include <iterator>
#include <set>

#include <fmt/format.h>

#include "core/base/embedded.h"
#include "core/base/text.h"
#include "core/checks/gaps.h"
#include "core/checks/plain_toml.h"
#include "core/checks/rule_file.h"
#include "core/checks/toml_reader.h"
#include "core/plugin/plugin.h"
#include "core/plugin/table_page.h"

namespace hostcheck::plugin {
namespace {

namespace fs = std::filesystem;
using checks::Complaints;
using checks::TomlReader;
using Keys = std::string_view;

// By their numbers in linux/capability.h.
constexpr std::array<std::string_view, 41> kCapabilities = {"CAP_CHOWN",
                                                            "CAP_DAC_OVERRIDE",
                                                            "CAP_DAC_READ_SEARCH",
                                                            "CAP_FOWNER",
                                                            "CAP_FSETID",
                                                            "CAP_KILL",
                                                            "CAP_SETGID",
                                                            "CAP_SETUID",
                                                            "CAP_SETPCAP",
                                                            "CAP_LINUX_IMMUTABLE",
                                                            "CAP_NET_BIND_SERVICE",
                                                            "CAP_NET_BROADCAST",
                                                            "CAP_NET_ADMIN",
                                                            "CAP_NET_RAW",
                                                            "CAP_IPC_LOCK",
                                                            "CAP_IPC_OWNER",
                                                            "CAP_SYS_MODULE",
                                                            "CAP_SYS_RAWIO",
                                                            "CAP_SYS_CHROOT",
                                                            "CAP_SYS_PTRACE",
                                                            "CAP_SYS_PACCT",
                                                            "CAP_SYS_ADMIN",
                                                            "CAP_SYS_BOOT",
                                                            "CAP_SYS_NICE",
                                                            "CAP_SYS_RESOURCE",
                                                            "CAP_SYS_TIME",
                                                            "CAP_SYS_TTY_CONFIG",
                                                            "CAP_MKNOD",
                                                            "CAP_LEASE",
                                                            "CAP_AUDIT_WRITE",
                                                            "CAP_AUDIT_CONTROL",
                                                            "CAP_SETFCAP",
                                                            "CAP_MAC_OVERRIDE",
                                                            "CAP_MAC_ADMIN",
                                                            "CAP_SYSLOG",
                                                            "CAP_WAKE_ALARM",
                                                            "CAP_BLOCK_SUSPEND",
                                                            "CAP_AUDIT_READ",
                                                            "CAP_PERFMON",
                                                            "CAP_BPF",
                                                            "CAP_CHECKPOINT_RESTORE"};

bool flag(TomlReader& reader, std::string_view key, Complaints& complaints) {
  const toml::node* node = reader.node(key);
  if (node == nullptr) return false;
  const auto value = node->value_exact<bool>();
  if (!value) complaints.add(*node, fmt::format("'{}' has to be true or false", key));
  return value.value_or(false);
}

std::vector<Input> read_inputs(TomlReader& top, Complaints& complaints) {
  std::vector<Input> inputs;
  for (const toml::table* table : top.tables("input")) {
    TomlReader reader(*table, "input", complaints);
    constexpr std::array<Keys, 4> kKeys = {"name", "query", "optional", "needed"};
    reader.only(kKeys);
    Input& made = inputs.emplace_back();
    made.name = reader.text("name", true);
    made.query = reader.text("query", true);
    made.line = reader.line_of_key("query");
    made.optional = flag(reader, "optional", complaints);
    made.needed = flag(reader, "needed", complaints);
    const auto same = [&](const Input& each) { return each.name == made.name; };
    if (std::count_if(inputs.begin(), inputs.end(), same) > 1) {
      complaints.add(*table, fmt::format("there are two inputs '{}'", made.name));
    }
  }
  return inputs;
}

std::vector<std::string> names_of(const std::vector<Input>& inputs) {
  std::vector<std::string> names;
  for (const Input& each : inputs) names.push_back(each.name);
  return names;
}

std::vector<Check> read_checks(TomlReader& top, const std::vector<Input>& inputs, Complaints& complaints) {
  std::vector<Check> all;
  std::set<std::string> params;
  const std::vector<std::string> known = names_of(inputs);
  for (const toml::table* table : top.tables("check")) {
    Check& made = all.emplace_back();
    made.rule = checks::read_plugin_check(*table, complaints);
    TomlReader reader(*table, "check", complaints);
    made.inputs = reader.texts("inputs");
    for (const std::string& each : made.inputs) {
      if (std::find(known.begin(), known.end(), each) == known.end()) {
        complaints.add(*reader.node("inputs"), fmt::format("no input '{}'{}", each, did_you_mean(each, known)));
      }
    }
    if (reader.node("inputs") == nullptr) made.inputs = known;
    for (const checks::Parameter& each : made.rule.params) {
      if (!params.insert(each.name).second) {
        complaints.add(
            *table, fmt::format("two checks have a parameter '{}'; the inputs could not tell them apart", each.name));
      }
    }
  }
  return all;
}

void read_limits(TomlReader& top, Plugin& plugin, Complaints& complaints) {
  if (const auto time = top.integer("time_ms")) {
    if (*time < 1 || *time > kLargestTime.count()) {
      complaints.add(*top.node("time_ms"), fmt::format("'time_ms' is between 1 and {}", kLargestTime.count()));
    }
    plugin.limits.time = std::chrono::milliseconds(*time);
  }
  if (const auto memory = top.integer("memory_mib")) {
    const auto largest = static_cast<std::int64_t>(kLargestMemory >> 20);
    if (*memory < 8 || *memory > largest) {
      complaints.add(*top.node("memory_mib"), fmt::format("'memory_mib' is between 8 and {}", largest));
    }
    plugin.limits.memory_bytes = static_cast<std::size_t>(std::clamp<std::int64_t>(*memory, 8, largest)) << 20;
  }
}

void check_names(TomlReader& top, const Plugin& plugin, Complaints& complaints) {
  const std::vector<std::string> known(kCapabilities.begin(), kCapabilities.end());
  for (const std::string& each : plugin.capabilities) {
    if (capability_number(each) >= 0) continue;
    complaints.add(*top.node("capabilities"), fmt::format("no capability '{}'{}", each, did_you_mean(each, known)));
  }
  if (plugin.checks.empty()) complaints.add(0, "has no [[check]]");
  if (plugin.inputs.empty()) complaints.add(0, "has no [[input]]");
}

Error in_input(const Plugin& plugin, const Input& input, const Error& error) {
  return make_error(error.code, fmt::format("input {}", input.name), fmt::format("{}:{}", plugin.file, input.line),
                    error.message());
}

void merge(const facts::Request& from, facts::Request& into) {
  for (const auto& [name, table] : from) into[name].merge(table);
}

Result<void> check_parameters(const Plugin& plugin, const Input& input, sql::Database& database,
                              const std::vector<std::string>& known) {
  const auto used = database.parameters(input.query);
  if (!used) return unexpected(in_input(plugin, input, used.error()));
  for (const std::string& each : *used) {
    if (std::find(known.begin(), known.end(), each) != known.end()) continue;
    return unexpected(in_input(
        plugin, input,
        make_error(ErrorCode::invalid, "", "", fmt::format(":{} is no parameter{}", each, did_you_mean(each, known)))));
  }
  return {};
}

}  // namespace

int capability_number(std::string_view name) {
  const auto found = std::find(kCapabilities.begin(), kCapabilities.end(), name);
  return found == kCapabilities.end() ? -1 : static_cast<int>(std::distance(kCapabilities.begin(), found));
}

namespace {

Result<Plugin> read_plugin(const toml::table& root, const std::string& folder, const std::string& file) {
  Plugin plugin;
  plugin.file = file;
  plugin.library = folder + "/plugin.so";
  if (is_embedded(folder)) plugin.entry = embedded_entry(folder.substr(folder.rfind('/') + 1));
  Complaints complaints(plugin.file);
  TomlReader top(root, "", complaints);
  constexpr std::array<Keys, 8> kKeys = {"name",    "input",      "check",       "table",
                                         "time_ms", "memory_mib", "reads_files", "capabilities"};
  top.only(kKeys);
  plugin.name = top.text("name", true);
  plugin.inputs = read_inputs(top, complaints);
  plugin.checks = read_checks(top, plugin.inputs, complaints);
  plugin.tables = read_tables(top, plugin.name, names_of(plugin.inputs), complaints);
  read_limits(top, plugin, complaints);
  plugin.reads_files = flag(top, "reads_files", complaints);
  plugin.capabilities = top.texts("capabilities");
  check_names(top, plugin, complaints);
  std::error_code error;
  const fs::path place = fs::weakly_canonical(folder, error);
  if (const toml::node* node = top.node("name"); node != nullptr && !error && place.filename() != plugin.name) {
    complaints.add(*node, fmt::format("name '{}' belongs in a folder of that name", plugin.name));
  }
  if (complaints.first()) return unexpected(*complaints.first());
  return plugin;
}

}  // namespace

Result<Plugin> load_plugin(const std::string& folder) {
  const std::string file = folder + "/plugin.toml";
  const auto text = checks::read_rule_text(file);
  if (!text) return unexpected(text.error());
  if (const auto root = checks::parse_plain_toml(*text)) {
    if (auto plugin = read_plugin(*root, folder, file)) return plugin;
  }
  // To name the line of what is wrong.
  const auto root = checks::parse_toml(*text, file);
  if (!root) return unexpected(root.error());
  return read_plugin(*root, folder, file);
}

namespace {

void load_embedded(const std::string& folder, PluginSet& set) {
  constexpr std::string_view kFile = "/plugin.toml";
  for (const std::string& path : embedded_below(folder)) {
    if (!path.ends_with(kFile)) continue;
    if (auto plugin = load_plugin(path.substr(0, path.size() - kFile.size()))) {
      set.plugins.push_back(*std::move(plugin));
    } else {
      set.errors.push_back(std::move(plugin.error()));
    }
  }
}

}  // namespace

PluginSet load_plugins(const std::vector<std::string>& folders,
                       const std::function<Result<void>(const std::string& folder)>& trusted) {
  PluginSet set;
  for (const std::string& folder : folders) {
    if (is_embedded(folder)) {
      load_embedded(folder, set);
      continue;
    }
    std::error_code error;
    for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
      std::error_code ignored;
      if (!fs::exists(at->path() / "plugin.toml", ignored)) continue;
      const std::string path = at->path().string();
      if (auto allowed = trusted(path); !allowed) {
        set.errors.push_back(std::move(allowed.error()));
      } else if (auto plugin = load_plugin(path)) {
        set.plugins.push_back(*std::move(plugin));
      } else {
        set.errors.push_back(std::move(plugin.error()));
      }
    }
    if (error) set.errors.push_back(errno_error(error.value(), "read plugins in", folder));
  }
  std::sort(set.plugins.begin(), set.plugins.end(), [](const Plugin& a, const Plugin& b) { return a.name < b.name; });
  return set;
}

namespace {

// Whether rows of the one have the columns of the other.
bool same_columns(const facts::TableInfo& a, const facts::TableInfo& b) {
  return std::equal(a.columns.begin(), a.columns.end(), b.columns.begin(), b.columns.end(),
                    [](const auto& x, const auto& y) { return x.name == y.name && x.type == y.type; });
}

}  // namespace

Result<void> announce_tables(const Plugin& plugin) {
  for (const Table& each : plugin.tables) {
    const facts::TableInfo* there = facts::find_table(each.info.name);
    if (there == nullptr) continue;
    if (there->brought_by != plugin.name) {
      return unexpected(make_error(ErrorCode::invalid, "", plugin.file,
                                   fmt::format("table '{}' of plugin {} is already that of plugin {}", each.info.name,
                                               plugin.name, there->brought_by)));
    }
    if (!same_columns(each.info, *there)) {
      return unexpected(make_error(
          ErrorCode::invalid, "", plugin.file,
          fmt::format("table '{}' of plugin {} has other columns than this process has known it by; start it anew",
                      each.info.name, plugin.name)));
    }
  }
  for (const Table& each : plugin.tables) facts::add_table(each.info);
  return {};
}

bool brings_any_of(const Plugin& plugin, const facts::Request& reads) {
  return std::any_of(plugin.tables.begin(), plugin.tables.end(),
                     [&](const Table& each) { return reads.contains(each.info.name); });
}

sql::Parameters parameters_of(const Plugin& plugin) {
  sql::Parameters parameters;
  for (const Check& check : plugin.checks) {
    for (const checks::Parameter& each : check.rule.params) parameters.emplace(each.name, each.value);
  }
  return parameters;
}

Result<facts::Request> plan(const Plugin& plugin, sql::Database& database, bool observed) {
  facts::Request all;
  std::vector<std::string> known;
  for (const auto& [name, value] : parameters_of(plugin)) known.push_back(name);
  for (const Input& each : plugin.inputs) {
    const auto reads = database.plan(each.query);
    if (!reads) return unexpected(in_input(plugin, each, reads.error()));
    if (auto checked = check_parameters(plugin, each, database, known); !checked) return unexpected(checked.error());
    for (const auto& [table, columns] : *reads) {
      if (!facts::is_brought_table(table)) continue;
      return unexpected(in_input(plugin, each,
                                 make_error(ErrorCode::invalid, "", "",
                                            fmt::format("table {} is brought by plugin {}; plugins read what hostcheck "
                                                        "gathers, and rules read what plugins bring",
                                                        table, facts::find_table(table)->brought_by))));
    }
    if (!observed && checks::reads_observation(*reads)) continue;
    merge(*reads, all);
  }
  for (const Check& each : plugin.checks) {
    const auto for_roles = [](const checks::Fix& fix) { return !fix.roles.empty(); };
    if (!each.rule.roles.empty() || std::any_of(each.rule.fix.begin(), each.rule.fix.end(), for_roles)) {
      all["roles"].add_reader({"netns", "role"}, {});
    }
    if (each.rule.clear_query.empty()) continue;
    const auto reads = database.plan(each.rule.clear_query);
    if (!reads) {
      return unexpected(
          make_error(ErrorCode::invalid, "[check.clear] of " + each.rule.id, plugin.file, reads.error().message()));
    }
    merge(*reads, all);
  }
  return all;
}

}  // namespace hostcheck::plugin
