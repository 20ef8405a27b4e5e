#include "core/checks/rule_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <map>
#include <sstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/embedded.h"
#include "core/base/text.h"
#include "core/base/unique_fd.h"
#include "core/checks/plain_toml.h"
#include "core/checks/toml_reader.h"
#include "core/facts/role.h"

namespace hostcheck::checks {
namespace {

using Keys = std::string_view;

Claim parse_claim(std::string_view text, const toml::node* node, Complaints& complaints) {
  for (const Claim each : {Claim::state, Claim::live, Claim::likely}) {
    if (name_of(each) == text) return each;
  }
  if (node != nullptr) complaints.add(*node, fmt::format("claim '{}' is none of state, live, likely", text));
  return Claim::state;
}

Severity severity_of(std::string_view text, const toml::node* node, Complaints& complaints) {
  if (const auto severity = parse_severity(text)) return *severity;
  if (node != nullptr) complaints.add(*node, fmt::format("severity '{}' is none of info, warning, critical", text));
  return Severity::warning;
}

std::vector<Parameter> read_params(TomlReader& top, Complaints& complaints) {
  std::vector<Parameter> params;
  const toml::table* table = top.table("params");
  if (table == nullptr) return params;
  for (const auto& [key, node] : *table) {
    Parameter param;
    param.name = key.str();
    const toml::node* value = &node;
    if (const toml::table* described = node.as_table()) {
      TomlReader reader(*described, fmt::format("params.{}", key.str()), complaints);
      constexpr std::array<Keys, 3> kKeys = {"default", "unit", "why"};
      reader.only(kKeys);
      value = reader.node("default");
      param.unit = reader.text("unit");
      param.why = reader.text("why");
    }
    if (value == nullptr) {
      complaints.add(node, fmt::format("key 'params.{}.default' is missing", key.str()));
    } else if (auto read = value_of(*value)) {
      param.value = *std::move(read);
    } else {
      complaints.add(*value, fmt::format("'params.{}' has to be a number or a text", key.str()));
    }
    params.push_back(std::move(param));
  }
  return params;
}

std::vector<EvidenceTemplate> read_evidence(TomlReader& top, Complaints& complaints) {
  std::vector<EvidenceTemplate> all;
  for (const toml::table* table : top.tables("evidence")) {
    TomlReader reader(*table, "evidence", complaints);
    constexpr std::array<Keys, 4> kKeys = {"what", "column", "unit", "source"};
    reader.only(kKeys);
    EvidenceTemplate& made = all.emplace_back();
    made.what = reader.text("what", true);
    made.column = reader.text("column", true);
    made.unit = reader.text("unit");
    made.source = reader.text("source");
  }
  return all;
}

std::vector<WitnessTemplate> read_witnesses(TomlReader& top, Complaints& complaints) {
  std::vector<WitnessTemplate> all;
  for (const toml::table* table : top.tables("witness")) {
    TomlReader reader(*table, "witness", complaints);
    constexpr std::array<Keys, 6> kKeys = {"query", "what", "column", "text", "unit", "source"};
    reader.only(kKeys);
    WitnessTemplate& made = all.emplace_back();
    made.query = reader.text("query", true);
    made.what = reader.text("what", true);
    made.column = reader.text("column");
    made.text = reader.text("text");
    made.unit = reader.text("unit");
    made.source = reader.text("source");
    if (made.column.empty() == made.text.empty()) {
      complaints.add(*table, "[[witness]] has either 'column' or 'text'");
    }
  }
  return all;
}

// "net.core.somaxconn" of "sysctl -w net.core.somaxconn=4096"; "" for other commands.
std::string sysctl_of(std::string_view command) {
  constexpr std::string_view kStart = "sysctl -w ";
  if (!command.starts_with(kStart)) return {};
  command.remove_prefix(kStart.size());
  const std::size_t end = command.find('=');
  return end == std::string_view::npos ? std::string() : std::string(trim(command.substr(0, end)));
}

std::vector<std::string> read_roles(TomlReader& reader, Complaints& complaints) {
  std::vector<std::string> roles = reader.texts("roles");
  const std::vector<std::string> known(facts::kRoleNames.begin(), facts::kRoleNames.end());
  for (const std::string& each : roles) {
    if (std::find(known.begin(), known.end(), each) != known.end()) continue;
    complaints.add(*reader.node("roles"), fmt::format("no such role: {}{}", each, did_you_mean(each, known)));
  }
  return roles;
}

void read_doc(TomlReader& top, Rule& rule, Complaints& complaints) {
  const toml::table* table = top.table("doc");
  if (table == nullptr) return;
  TomlReader reader(*table, "doc", complaints);
  constexpr std::array<Keys, 4> kKeys = {"why", "fix", "false_alarms", "references"};
  reader.only(kKeys);
  rule.why = trim(reader.text("why"));
  rule.false_alarms = trim(reader.text("false_alarms"));
  rule.references = reader.texts("references");
  for (const toml::table* each : reader.tables("fix")) {
    TomlReader fix(*each, "doc.fix", complaints);
    constexpr std::array<Keys, 5> kFixKeys = {"text", "command", "persist", "sysctl", "roles"};
    fix.only(kFixKeys);
    Fix& made = rule.fix.emplace_back();
    made.text = fix.text("text", true);
    made.command = fix.text("command");
    made.persist = fix.text("persist");
    made.sysctl = fix.text("sysctl");
    made.roles = read_roles(fix, complaints);
    if (made.sysctl.empty()) made.sysctl = sysctl_of(made.command);
  }
}

void read_clear(TomlReader& top, Rule& rule, Complaints& complaints) {
  const toml::table* table = top.table("clear");
  if (table == nullptr) return;
  TomlReader reader(*table, "clear", complaints);
  constexpr std::array<Keys, 2> kKeys = {"query", "because"};
  reader.only(kKeys);
  rule.clear_query = reader.text("query", true);
  rule.clear_because = reader.text("because", true);
}

void read_confirm(TomlReader& top, Rule& rule, Complaints& complaints) {
  const toml::table* table = top.table("confirm");
  if (table == nullptr) return;
  TomlReader reader(*table, "confirm", complaints);
  constexpr std::array<Keys, 8> kKeys = {"probe",   "target",  "args",     "confirms",
                                         "refutes", "because", "severity", "evidence"};
  reader.only(kKeys);
  Confirm& confirm = rule.confirm.emplace();
  confirm.probe = reader.text("probe", true);
  confirm.target = reader.text("target", true);
  confirm.confirms = reader.text("confirms", true);
  confirm.refutes = reader.text("refutes");
  confirm.because = reader.text("because");
  if (const toml::node* node = reader.node("severity")) {
    confirm.severity = severity_of(reader.text("severity"), node, complaints);
  }
  if (const toml::table* args = reader.table("args")) {
    TomlReader values(*args, "confirm.args", complaints);
    for (const auto& [key, node] : *args) confirm.args.emplace_back(key.str(), values.text(key.str()));
  }
  confirm.evidence = read_evidence(reader, complaints);
  if (rule.claim != Claim::likely) complaints.add(*table, "[confirm] is for rules with claim = \"likely\"");
}

void check_ids(const std::vector<std::string>& ids, const toml::node* node, Complaints& complaints) {
  for (const std::string& each : ids) {
    if (const auto checked = check_id(each); !checked && node != nullptr)
      complaints.add(*node, checked.error().message());
  }
}

}  // namespace

std::string_view name_of(Claim claim) {
  switch (claim) {
    case Claim::state:
      return "state";
    case Claim::live:
      return "live";
    case Claim::likely:
      return "likely";
  }
  return "";
}

const std::vector<std::string>& areas() {
  static const std::vector<std::string> all = {"listen",  "tcp",    "udp",    "socket", "conntrack", "netfilter",
                                               "route",   "neigh",  "nic",    "mtu",    "path",      "dns",
                                               "softnet", "limits", "sysctl", "kernel", "hostcheck"};
  return all;
}

Result<void> check_id(std::string_view id) {
  const std::size_t dot = id.find('.');
  const std::string_view area = id.substr(0, dot);
  const std::string_view fault = dot == std::string_view::npos ? std::string_view{} : id.substr(dot + 1);
  const bool plain = !fault.empty() && std::all_of(fault.begin(), fault.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
  if (!plain) {
    return unexpected(make_error(ErrorCode::invalid, "id", fmt::format("'{}'", id),
                                 "write area.fault, both in lower case with _ between words"));
  }
  if (std::find(areas().begin(), areas().end(), area) == areas().end()) {
    return unexpected(make_error(ErrorCode::invalid, "id", fmt::format("'{}'", id),
                                 fmt::format("unknown area '{}'{}", area, did_you_mean(area, areas()))));
  }
  return {};
}

Result<std::string> read_rule_text(const std::string& path) {
  if (is_embedded(path)) {
    const EmbeddedFile* file = find_embedded(path);
    if (file == nullptr) return unexpected(errno_error(ENOENT, "read", path));
    return std::string(file->text);
  }
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat status {};
  if (!file.valid() || ::fstat(file.get(), &status) != 0) return unexpected(errno_error(errno, "read", path));
  if ((status.st_mode & S_IWOTH) != 0) {
    return unexpected(make_error(ErrorCode::invalid, "read", path, "everybody may write to it; chmod o-w"));
  }
  std::string text(static_cast<std::size_t>(std::max<off_t>(status.st_size, 0)), '\0');
  for (std::size_t size = 0; size < text.size();) {
    const ssize_t got = ::read(file.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return unexpected(errno_error(got == 0 ? EIO : errno, "read", path));
    size += static_cast<std::size_t>(got);
  }
  return text;
}

std::string id_of_path(std::string_view path) {
  constexpr std::string_view kEnd = ".toml";
  if (!path.ends_with(kEnd)) return {};
  path.remove_suffix(kEnd.size());
  const std::size_t slash = path.rfind('/');
  const std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  if (name.find('.') != std::string_view::npos) return std::string(name);
  if (slash == std::string_view::npos) return {};
  const std::string_view folder = path.substr(0, slash);
  const std::size_t before = folder.rfind('/');
  return fmt::format("{}.{}", before == std::string_view::npos ? folder : folder.substr(before + 1), name);
}

namespace {

// What rules and the checks of plugins have in common.
void read_common(TomlReader& top, Rule& rule, Complaints& complaints) {
  rule.id = top.text("id", true);
  rule.title = top.text("title", true);
  rule.severity = severity_of(top.text("severity", true), top.node("severity"), complaints);
  rule.claim = parse_claim(top.text("claim", true), top.node("claim"), complaints);
  rule.subject = top.texts("subject", true);
  rule.params = read_params(top, complaints);
  rule.rivals = top.texts("rivals");
  rule.explains = top.texts("explains");
  rule.roles = read_roles(top, complaints);
  read_clear(top, rule, complaints);
  read_doc(top, rule, complaints);
  if (const toml::node* node = top.node("id")) {
    if (const auto checked = check_id(rule.id); !checked) complaints.add(*node, checked.error().message());
  }
  check_ids(rule.rivals, top.node("rivals"), complaints);
  check_ids(rule.explains, top.node("explains"), complaints);
  if (rule.severity == Severity::critical && rule.claim != Claim::live) {
    complaints.add(*top.node("severity"),
                   "severity critical needs claim = \"live\": nothing is critical without live evidence");
  }
}

}  // namespace

Result<Rule> read_rule(const toml::table& root, const std::string& path) {
  Complaints complaints(path);
  TomlReader top(root, "", complaints);
  constexpr std::array<Keys, 18> kKeys = {"roles",   "id",      "title",  "severity", "claim",       "query",
                                          "subject", "summary", "params", "rivals",   "explains",    "evidence",
                                          "clear",   "confirm", "doc",    "test",     "descriptive", "witness"};
  top.only(kKeys);
  Rule rule;
  rule.file = path;
  read_common(top, rule, complaints);
  rule.query = top.text("query", true);
  rule.query_line = top.line_of_key("query");
  rule.summary = top.text("summary", true);
  rule.descriptive = top.texts("descriptive");
  rule.evidence = read_evidence(top, complaints);
  rule.witnesses = read_witnesses(top, complaints);
  read_confirm(top, rule, complaints);
  if (const toml::node* node = top.node("id"); node != nullptr && check_id(rule.id) && id_of_path(path) != rule.id) {
    std::string place = rule.id + ".toml";
    place.replace(place.find('.'), 1, "/");
    complaints.add(*node, fmt::format("id '{}' belongs in the file {}", rule.id, place));
  }
  if (complaints.first()) return unexpected(*complaints.first());
  return rule;
}

Rule read_plugin_check(const toml::table& table, Complaints& complaints) {
  TomlReader top(table, "check", complaints);
  constexpr std::array<Keys, 12> kKeys = {"roles",  "id",     "title",    "severity", "claim", "subject",
                                          "params", "rivals", "explains", "clear",    "doc",   "inputs"};
  top.only(kKeys);
  Rule rule;
  rule.file = complaints.file();
  read_common(top, rule, complaints);
  return rule;
}

namespace {

// Where the tests start, when nothing but tests comes after; else the end.
std::size_t start_of_tests(std::string_view text) {
  const std::size_t start = text.find("\n[[test]]");
  for (std::size_t at = start; at != std::string_view::npos; at = text.find("\n[", at + 1)) {
    if (!text.substr(at).starts_with("\n[[test]]")) return text.size();
  }
  return start == std::string_view::npos ? text.size() : start + 1;
}

}  // namespace

Result<Rule> load_rule(const std::string& path) {
  auto text = read_rule_text(path);
  if (!text) return unexpected(text.error());
  // A run needs no tests, and they are most of the file.
  const std::string_view needed = std::string_view(*text).substr(0, start_of_tests(*text));
  if (const auto root = parse_plain_toml(needed)) {
    if (auto rule = read_rule(*root, path)) return rule;
  }
  if (const auto root = parse_toml(needed, path)) {
    if (auto rule = read_rule(*root, path)) return rule;
  }
  // The whole file, to name the line of what is wrong.
  const auto root = parse_toml(*text, path);
  if (!root) return unexpected(root.error());
  return read_rule(*root, path);
}

}  // namespace hostcheck::checks
