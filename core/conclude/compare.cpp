#include "core/conclude/compare.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/conclude/compare_read.h"
#include "core/conclude/compared_tables.h"
#include "core/conclude/separation.h"

namespace hostcheck::conclude {
namespace {

using Kind = HostValue::Kind;

// Prose around "a and b".
std::string listed(const std::vector<std::string>& words) {
  std::string all;
  for (std::size_t at = 0; at < words.size(); ++at) {
    all += (at == 0 ? "" : at + 1 == words.size() ? " and " : ", ") + words[at];
  }
  return all;
}

double number_of(const facts::Value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return static_cast<double>(*integer);
  if (const auto* real = std::get_if<double>(&value)) return *real;
  return 0;
}

bool is_number(const facts::Value& value) {
  return std::holds_alternative<std::int64_t>(value) || std::holds_alternative<double>(value);
}

bool near(double a, double b) {
  return std::abs(a - b) <= kAmountTolerance * std::max(std::abs(a), std::abs(b));
}

// "190\t253\t380": as many numbers, each near the other's.
bool near_texts(const std::string& a, const std::string& b) {
  const auto left = split_fields(a);
  const auto right = split_fields(b);
  return left.size() == right.size() && std::equal(left.begin(), left.end(), right.begin(), [](auto x, auto y) {
           const auto p = parse_number<std::int64_t>(x);
           const auto q = parse_number<std::int64_t>(y);
           return p && q ? near(static_cast<double>(*p), static_cast<double>(*q)) : x == y;
         });
}

bool same(Meaning meaning, const HostValue& a, const HostValue& b) {
  if (a.kind != b.kind || a.kind != Kind::value) return a.kind == b.kind;
  if (a.value == b.value) return true;
  if (meaning == Meaning::amount) {
    const auto* left = std::get_if<std::string>(&a.value);
    const auto* right = std::get_if<std::string>(&b.value);
    if (left != nullptr && right != nullptr) return near_texts(*left, *right);
  }
  if (!is_number(a.value) || !is_number(b.value)) {
    return meaning == Meaning::level && number_of(a.value) < kNearlyFull && number_of(b.value) < kNearlyFull;
  }
  const double left = number_of(a.value);
  const double right = number_of(b.value);
  switch (meaning) {
    case Meaning::setting:
      return left == right;
    case Meaning::amount:
      return near(left, right);
    case Meaning::moving:
      return (left > 0) == (right > 0);
    case Meaning::level:
      return (left >= kNearlyFull) == (right >= kNearlyFull);
  }
  return false;
}

class Comparer {
 public:
  explicit Comparer(std::span<const ComparedHost> hosts) : hosts_(hosts) {
    for (const ComparedHost& each : hosts) {
      readers_.emplace_back(each);
      out_.labels.push_back(each.label);
      out_.groups.push_back(each.group);
      const auto known = std::find(groups_.begin(), groups_.end(), each.group);
      group_of_.push_back(static_cast<std::size_t>(known - groups_.begin()));
      if (known == groups_.end()) groups_.push_back(each.group);
    }
    align();
  }

  [[nodiscard]] Comparison run() {
    compare_findings();
    for (const ComparedTable& table : compared_tables()) compare_table(table);
    std::deque<std::string> texts;
    for (const ComparedTable& table : compared_brought(texts)) {
      const bool anywhere = std::any_of(hosts_.begin(), hosts_.end(),
                                        [&](const auto& each) { return each.facts->find(table.table) != nullptr; });
      if (anywhere) compare_table(table);
    }
    merge_interfaces();
    rank();
    return std::move(out_);
  }

 private:
  void align() {
    align_namespaces();
    align_uplinks();
    std::vector<std::string> hidden;
    for (const ComparedHost& each : hosts_) {
      if (each.anonymous) hidden.push_back(each.label);
    }
    alignment_.anonymous = !hidden.empty();
    if (!hidden.empty()) {
      out_.notes.push_back(listed(hidden) + (hidden.size() == 1 ? " is" : " are") +
                           " anonymised: addresses and names are not compared");
    }
    for (HostReader& each : readers_) each.align(alignment_);
  }

  void align_namespaces() {
    alignment_.one_namespace =
        std::all_of(hosts_.begin(), hosts_.end(), [](const auto& each) { return each.namespaces.size() == 1; });
    if (alignment_.one_namespace) return;
    std::map<std::string, std::vector<std::string>> who;
    for (const ComparedHost& host : hosts_) {
      for (const std::string& each : host.namespaces) who[each].push_back(host.label);
    }
    for (const auto& [name, labels] : who) {
      if (labels.size() == hosts_.size()) {
        alignment_.namespaces.insert(name);
      } else {
        out_.notes.push_back("namespace " + name + " is only in " + listed(labels) + " and is not compared");
      }
    }
  }

  // eth0 here and ens3 there: the same, where both carry the default route and neither host has the other's name.
  void align_uplinks() {
    if (!alignment_.one_namespace) return;
    bool differ = false;
    for (const HostReader& each : readers_) {
      if (each.uplink().empty()) return;
      for (const HostReader& other : readers_) {
        if (other.uplink() == each.uplink()) continue;
        differ = true;
        if (each.has_interface(other.uplink())) return;
      }
      if (each.has_interface(std::string(kUplink))) return;
    }
    if (!differ) return;
    alignment_.uplinks = true;
    std::vector<std::string> names;
    for (std::size_t at = 0; at < readers_.size(); ++at) {
      names.push_back(readers_[at].uplink() + " of " + hosts_[at].label);
    }
    out_.notes.push_back(listed(names) + " carry the default route and are compared as " + std::string(kUplink));
  }

  void compare_findings() {
    std::map<std::string, std::vector<HostValue>> by_id;
    for (const ComparedHost& host : hosts_) {
      if (!host.findings) continue;
      for (const HostFinding& each : *host.findings) by_id[each.id];
    }
    for (auto& [id, values] : by_id) {
      Weight weight = Weight::weak;
      for (const ComparedHost& host : hosts_) {
        HostValue& value = values.emplace_back(HostValue{Kind::not_there, {}, {}});
        if (!host.findings) {
          value = {Kind::unknown, {}, "there is no report of it"};
          continue;
        }
        if (const auto unjudged = host.unjudged.find(id); unjudged != host.unjudged.end()) {
          value = {Kind::unknown, {}, unjudged->second};
        }
        for (const HostFinding& each : *host.findings) {
          if (each.id != id) continue;
          value = {Kind::value, each.severity, {}};
          if (each.severity != "info") weight = Weight::strong;
          break;
        }
      }
      Difference difference;
      difference.topic = "finding";
      difference.subject = id;
      difference.weight = weight;
      difference.values = std::move(values);
      judge(std::move(difference));
    }
  }

  void compare_table(const ComparedTable& table) {
    std::vector<HostTable> hosts;
    std::map<RowId, std::size_t> rows;  // how many hosts have it
    for (HostReader& each : readers_) {
      hosts.push_back(each.read(table));
      for (const auto& [id, values] : hosts.back().rows) ++rows[id];
    }
    for (std::size_t at = 0; at < hosts.size(); ++at) {
      if (!hosts[at].unread.empty()) add_incomparable(at, table.table, {}, hosts[at].unread, std::string(table.topic));
    }
    for (const auto& [id, count] : rows) {
      const auto weight = table.table == "sysctls" ? weight_of_sysctl(id.subject) : Weight::strong;
      if (!weight) continue;
      const bool everywhere = std::all_of(readers_.begin(), readers_.end(),
                                          [&](const HostReader& each) { return each.has_interface_of(id); });
      if (!everywhere && table.table != "links") continue;  // told as the interface that is missing
      if (table.presence && (count < hosts_.size() || table.compared.empty()))
        compare_presence(table, id, hosts, *weight);
      if (count >= 2) compare_row(table, id, hosts, *weight);
    }
  }

  [[nodiscard]] Difference difference_of(const ComparedTable& table, const RowId& id) const {
    Difference difference;
    difference.topic = table.topic;
    difference.table = table.table;
    difference.netns = id.netns;
    if (!id.interface.empty()) difference.interfaces.push_back(id.interface);
    difference.subject = id.subject;
    return difference;
  }

  void compare_presence(const ComparedTable& table, const RowId& id, const std::vector<HostTable>& hosts,
                        Weight sysctl_weight) {
    Difference difference = difference_of(table, id);
    difference.weight = table.table == "sysctls" ? std::min(sysctl_weight, Weight::medium) : *table.presence;
    const bool observed = facts::find_table(table.table)->columns.front().observed;
    for (std::size_t at = 0; at < hosts.size(); ++at) {
      HostValue value{Kind::value, std::string("there"), {}};
      if (!hosts[at].rows.contains(id)) {
        std::string why = hosts[at].unread.empty() ? readers_[at].why_missing(table, id) : hosts[at].unread;
        if (why.empty() && observed && hosts_[at].facts->observed.count() == 0) why = "nothing was watched";
        value = {why.empty() ? Kind::not_there : Kind::unknown, {}, std::move(why)};
      }
      difference.values.push_back(std::move(value));
    }
    judge(std::move(difference));
  }

  void compare_row(const ComparedTable& table, const RowId& id, const std::vector<HostTable>& hosts,
                   Weight sysctl_weight) {
    for (std::size_t at = 0; at < table.compared.size(); ++at) {
      const ComparedColumn& column = table.compared[at];
      if (alignment_.anonymous && column.names != Names::none) continue;
      Difference difference = difference_of(table, id);
      difference.column = column.column;
      difference.weight = table.table == "sysctls" ? sysctl_weight : column.weight;
      difference.meaning = table.table == "sysctls" && follows_memory(id.subject) ? Meaning::amount : column.meaning;
      difference.unit = unit_of(table, column);
      for (std::size_t host = 0; host < hosts.size(); ++host) {
        difference.values.push_back(value_of(table, at, id, hosts[host], readers_[host]));
      }
      if (column.names == Names::next_hop) hide_next_hops(difference.values);
      judge(std::move(difference));
    }
  }

  [[nodiscard]] static std::string_view unit_of(const ComparedTable& table, const ComparedColumn& column) {
    if (column.meaning == Meaning::level) return "%";
    const facts::TableInfo* info = facts::find_table(table.table);
    const auto index = info == nullptr ? std::nullopt : info->column(column.column);
    return index ? std::string_view(info->columns[*index].unit) : std::string_view{};
  }

  [[nodiscard]] static HostValue value_of(const ComparedTable& table, std::size_t at, const RowId& id,
                                          const HostTable& host, const HostReader& reader) {
    const auto row = host.rows.find(id);
    if (row == host.rows.end()) {
      std::string why = host.unread.empty() ? reader.why_missing(table, id) : host.unread;
      // That the row is not there is a difference of its own, where it means something.
      return {why.empty() ? Kind::not_there : Kind::unknown, {}, std::move(why)};
    }
    const facts::Value& value = row->second[at];
    if (!std::holds_alternative<std::monostate>(value)) return {Kind::value, value, {}};
    std::string why = reader.why_null(table, table.compared[at], id);
    return {why.empty() ? Kind::value : Kind::unknown, {}, std::move(why)};
  }

  // Hosts of different subnets have different next hops, whatever else is the same.
  void hide_next_hops(std::vector<HostValue>& values) const {
    const auto shared = [&](const HostValue& value) {
      const auto* text = std::get_if<std::string>(&value.value);
      const auto address = text == nullptr ? std::nullopt : IpAddress::parse(*text);
      return !address || std::all_of(readers_.begin(), readers_.end(),
                                     [&](const HostReader& each) { return each.is_on_link(*address); });
    };
    if (std::all_of(values.begin(), values.end(), shared)) return;
    for (HostValue& each : values) {
      if (std::holds_alternative<std::string>(each.value)) each.value = "a router of its own subnet";
    }
  }

  void add_incomparable(std::size_t host, std::string_view table, std::string_view column, const std::string& reason,
                        const std::string& example) {
    for (Incomparable& each : out_.incomparable) {
      if (std::tie(each.host, each.table, each.column, each.reason) == std::tie(host, table, column, reason)) {
        ++each.facts;
        return;
      }
    }
    out_.incomparable.push_back({host, table, column, reason, 1, example});
  }

  // Keeps it where the hosts, or the groups of hosts, differ in it.
  void judge(Difference difference) {
    // Existence is told apart from values: a row that is not there has none.
    const bool existence = difference.column.empty();
    std::vector<std::size_t> hosts;  // of which it is known
    for (std::size_t at = 0; at < difference.values.size(); ++at) {
      const HostValue& value = difference.values[at];
      if (value.kind == Kind::unknown) {
        std::string example = difference.interfaces.empty() ? "" : difference.interfaces.front();
        if (!example.empty() && !difference.subject.empty()) example += " ";
        add_incomparable(at, difference.table, difference.column, value.reason, example + difference.subject);
      } else if (value.kind == Kind::value || existence) {
        hosts.push_back(at);
      }
    }
    std::vector<std::size_t> groups;
    std::vector<std::size_t> categories;
    std::vector<std::size_t> examples;
    for (const std::size_t host : hosts) {
      const auto like = std::find_if(examples.begin(), examples.end(), [&](std::size_t other) {
        return same(difference.meaning, difference.values[host], difference.values[other]);
      });
      categories.push_back(static_cast<std::size_t>(like - examples.begin()));
      if (like == examples.end()) examples.push_back(host);
      groups.push_back(out_.grouped() ? group_of_[host] : host);
    }
    if (examples.size() < 2) {
      if (hosts.size() == hosts_.size()) ++out_.equal;
      return;
    }
    const Separation separation = separation_of(groups, categories);
    if (out_.grouped() && separation.gain <= 0) return;
    difference.gain = separation.gain;
    difference.ratio = separation.ratio;
    difference.score = separation.ratio * static_cast<double>(hosts.size()) / static_cast<double>(hosts_.size());
    out_.differences.push_back(std::move(difference));
  }

  // What is true of several interfaces is told once.
  void merge_interfaces() {
    std::vector<Difference> merged;
    for (Difference& each : out_.differences) {
      const auto like = std::find_if(merged.begin(), merged.end(), [&](const Difference& other) {
        return !each.interfaces.empty() && !other.interfaces.empty() &&
               std::tie(each.table, each.netns, each.subject, each.column, each.values) ==
                   std::tie(other.table, other.netns, other.subject, other.column, other.values);
      });
      if (like == merged.end()) {
        merged.push_back(std::move(each));
      } else {
        like->interfaces.insert(like->interfaces.end(), each.interfaces.begin(), each.interfaces.end());
      }
    }
    out_.differences = std::move(merged);
  }

  void rank() {
    const bool grouped = out_.grouped();
    std::stable_sort(out_.differences.begin(), out_.differences.end(), [&](const Difference& a, const Difference& b) {
      if (grouped && std::abs(a.score - b.score) > 1e-9) return a.score > b.score;
      return a.weight > b.weight;
    });
  }

  std::span<const ComparedHost> hosts_;
  std::vector<HostReader> readers_;
  std::vector<std::string> groups_;    // different ones
  std::vector<std::size_t> group_of_;  // of each host, in groups_
  Alignment alignment_;
  Comparison out_;
};

}  // namespace

Comparison compare(std::span<const ComparedHost> hosts) {
  return Comparer(hosts).run();
}

}  // namespace hostcheck::conclude
