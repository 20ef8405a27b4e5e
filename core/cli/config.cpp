#include "core/cli/config.h"

#include <chrono>
#include <cstdio>
#include <functional>
#include <map>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "core/base/text.h"
#include "core/cli/trust.h"

namespace hostcheck::cli {
namespace {

// Thrown and caught in this file.
struct Wrong {
  Error error;
};

class Reader {
 public:
  explicit Reader(std::string path) : path_(std::move(path)) {}

  [[noreturn]] void fail(const toml::source_region& where, std::string_view why) const {
    throw Wrong{make_error(ErrorCode::invalid, "configuration", place(where), why)};
  }
  [[nodiscard]] std::string place(const toml::source_region& where) const {
    return fmt::format("{}:{}", path_, where.begin.line);
  }
  [[nodiscard]] std::string text(const toml::node& node, std::string_view key) const {
    if (const auto value = node.value_exact<std::string>()) return *value;
    fail(node.source(), fmt::format("{} has to be a text in quotes", key));
  }
  [[nodiscard]] bool boolean(const toml::node& node, std::string_view key) const {
    if (const auto value = node.value_exact<bool>()) return *value;
    fail(node.source(), fmt::format("{} has to be true or false", key));
  }
  [[nodiscard]] std::vector<std::string> texts(const toml::node& node, std::string_view key) const {
    std::vector<std::string> all;
    if (const toml::array* array = node.as_array()) {
      for (const toml::node& each : *array) all.push_back(text(each, key));
    } else {
      all.push_back(text(node, key));
    }
    return all;
  }
  // The last day of a suppression, as TOML's date or in quotes.
  [[nodiscard]] std::chrono::sys_days day(const toml::node& node) const {
    const auto date = node.value<toml::date>();
    std::optional<std::chrono::year_month_day> found;
    if (date) found = std::chrono::year(date->year) / date->month / date->day;
    if (const auto text = node.value_exact<std::string>()) {
      int year = 0;
      unsigned month = 0;
      unsigned number = 0;
      char rest = 0;
      if (std::sscanf(text->c_str(), "%4d-%2u-%2u%c", &year, &month, &number, &rest) == 3) {
        found = std::chrono::year(year) / month / number;
      }
    }
    if (!found || !found->ok()) fail(node.source(), "until has to be a day: 2026-12-31");
    return *found;
  }
  [[nodiscard]] conclude::Suppression suppression(const toml::node& node) const {
    const toml::table* table = node.as_table();
    if (table == nullptr) fail(node.source(), "suppress has to be written as [[suppress]]");
    conclude::Suppression made;
    made.origin = place(node.source());
    const std::vector<std::string> known = {"id", "reason", "subject", "until"};
    for (const auto& [key, value] : *table) {
      if (key == "id") {
        made.id = text(value, "id");
      } else if (key == "subject") {
        made.subject = text(value, "subject");
      } else if (key == "reason") {
        made.reason = text(value, "reason");
      } else if (key == "until") {
        made.until = day(value);
      } else {
        fail(key.source(),
             fmt::format("unknown key '{}' of [[suppress]]{}", key.str(), did_you_mean(key.str(), known)));
      }
    }
    if (made.id.empty()) fail(node.source(), "[[suppress]] needs an id, e.g. id = \"nic.*\"");
    if (made.reason.empty()) fail(node.source(), "[[suppress]] needs a reason: the next person asks for it");
    return made;
  }
  // Nested tables and dotted keys are the same: the names are joined with dots.
  void settings(const toml::node& node, const std::string& name, std::vector<Setting>& out) const {
    if (const toml::table* table = node.as_table()) {
      for (const auto& [key, value] : *table) {
        settings(value, name.empty() ? std::string(key.str()) : name + "." + std::string(key.str()), out);
      }
      return;
    }
    std::string value;
    if (const auto* integer = node.as_integer()) {
      value = std::to_string(integer->get());
    } else if (const auto* real = node.as_floating_point()) {
      value = fmt::format("{}", real->get());
    } else if (const auto* flag = node.as_boolean()) {
      value = flag->get() ? "true" : "false";
    } else {
      value = text(node, "set." + name);
    }
    out.push_back({name, std::move(value), place(node.source())});
  }

 private:
  std::string path_;
};

using Setter = std::function<void(const Reader&, const toml::node&, RawRun&)>;

Setter sets_text(std::optional<std::string> RawRun::*member, std::string key) {
  return [member, key = std::move(key)](const Reader& reader, const toml::node& node, RawRun& raw) {
    raw.*member = reader.text(node, key);
  };
}
Setter sets_texts(std::vector<std::string> RawRun::*member, std::string key) {
  return [member, key = std::move(key)](const Reader& reader, const toml::node& node, RawRun& raw) {
    raw.*member = reader.texts(node, key);
  };
}
Setter sets_boolean(std::optional<bool> RawRun::*member, std::string key) {
  return [member, key = std::move(key)](const Reader& reader, const toml::node& node, RawRun& raw) {
    raw.*member = reader.boolean(node, key);
  };
}

std::map<std::string, Setter, std::less<>> setters() {
  return {{"only", sets_texts(&RawRun::only, "only")},
          {"skip", sets_texts(&RawRun::skip, "skip")},
          {"area", sets_texts(&RawRun::area, "area")},
          {"observe", sets_text(&RawRun::observe, "observe")},
          {"probe", sets_text(&RawRun::probe, "probe")},
          {"target", sets_texts(&RawRun::target, "target")},
          {"netns", sets_text(&RawRun::netns, "netns")},
          {"budget", sets_text(&RawRun::budget, "budget")},
          {"rules", sets_text(&RawRun::rules, "rules")},
          {"plugins", sets_text(&RawRun::plugins, "plugins")},
          {"format", sets_text(&RawRun::format, "format")},
          {"output", sets_text(&RawRun::output, "output")},
          {"color", sets_text(&RawRun::color, "color")},
          {"quiet", sets_boolean(&RawRun::quiet, "quiet")},
          {"verbose", sets_boolean(&RawRun::verbose, "verbose")},
          {"role", sets_texts(&RawRun::role, "role")},
          {"suppress",
           [](const Reader& reader, const toml::node& node, RawRun& raw) {
             const toml::array* all = node.as_array();
             if (all == nullptr) reader.fail(node.source(), "suppress has to be written as [[suppress]]");
             for (const toml::node& each : *all) raw.suppress.push_back(reader.suppression(each));
           }},
          {"set", [](const Reader& reader, const toml::node& node, RawRun& raw) {
             if (!node.is_table())
               reader.fail(node.source(), "set has to be a table: [set.\"ID\"] and PARAM = VALUE below it");
             reader.settings(node, "", raw.set);
           }}};
}

RawRun read_table(const Reader& reader, const toml::table& table) {
  const auto known = setters();
  std::vector<std::string> names;
  for (const auto& [name, setter] : known) names.push_back(name);
  RawRun raw;
  for (const auto& [key, node] : table) {
    const auto found = known.find(std::string(key.str()));
    if (found == known.end()) {
      reader.fail(key.source(), fmt::format("unknown key '{}'{}", key.str(), did_you_mean(key.str(), names)));
    }
    found->second(reader, node, raw);
  }
  return raw;
}

template <typename T>
void fill(T& mine, T& other) {
  if constexpr (requires { mine.has_value(); }) {
    if (!mine.has_value()) mine = std::move(other);
  } else {
    if (mine.empty()) mine = std::move(other);
  }
}

}  // namespace

Result<RawRun> read_config(const std::string& path) {
  if (auto trusted = require_trusted(path); !trusted) return unexpected(trusted.error());
  try {
    return read_table(Reader(path), toml::parse_file(path));
  } catch (const Wrong& wrong) {
    return unexpected(wrong.error);
  } catch (const toml::parse_error& error) {
    return unexpected(make_error(ErrorCode::invalid, "configuration",
                                 fmt::format("{}:{}", path, error.source().begin.line), error.description()));
  }
}

void fill_from(RawRun& command_line, RawRun config) {
  fill(command_line.only, config.only);
  fill(command_line.skip, config.skip);
  fill(command_line.area, config.area);
  fill(command_line.role, config.role);
  command_line.suppress = std::move(config.suppress);
  fill(command_line.observe, config.observe);
  fill(command_line.probe, config.probe);
  fill(command_line.target, config.target);
  fill(command_line.netns, config.netns);
  fill(command_line.budget, config.budget);
  fill(command_line.rules, config.rules);
  fill(command_line.plugins, config.plugins);
  fill(command_line.format, config.format);
  fill(command_line.output, config.output);
  fill(command_line.color, config.color);
  fill(command_line.quiet, config.quiet);
  fill(command_line.verbose, config.verbose);
  config.set.insert(config.set.end(), std::make_move_iterator(command_line.set.begin()),
                    std::make_move_iterator(command_line.set.end()));
  command_line.set = std::move(config.set);
}

}  // namespace hostcheck::cli
