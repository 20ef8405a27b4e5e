#include "core/gather/sysctl.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <unordered_set>
#include <variant>

#include "core/facts/sysctl.h"
#include "core/kernel/sysctl.h"

namespace hostcheck::gather {
namespace {

constexpr std::string_view kTable = "sysctls";

void add_absence(const Task& task, std::string_view name, const Error& error) {
  std::string remedy = error.code == ErrorCode::denied ? "run as root" : "";
  task.out.add_absence(
      {std::string(kTable), {}, task.netns.name, std::string(name), error.code, error.message(), std::move(remedy)});
}

void add_row(const Task& task, std::string_view name, std::string_view content, bool from_first) {
  facts::Sysctl row;
  row.netns = task.out.intern(task.netns.name);
  row.name = name;
  kernel::parse_sysctl(kernel::is_secret(name) ? "(set, not shown)" : content, row);
  row.ifname = task.out.intern(kernel::sysctl_ifname(name));
  row.global = from_first || name.starts_with("fs.") || (!task.netns.first && kernel::shown_but_global(name));
  task.out.rows<facts::Sysctl>().push_back(std::move(row));
}

// Every name that some reader asks for by itself, also where another one asks for all of them.
std::set<std::string> exact_names(const facts::TableRequest& request) {
  std::set<std::string> names;
  for (const auto& terms : request.readers()) {
    for (const facts::Constraint& term : terms) {
      const auto* name = std::get_if<std::string>(&term.value);
      if (term.column == "name" && term.op == facts::Constraint::Op::eq && name != nullptr) names.insert(*name);
    }
  }
  return names;
}

// What only the first namespace has: of the names that are missing here, and of the patterns.
void add_global_rows(const Task& task, const std::vector<std::string>& missing,
                     const kernel::SysctlSelection& selection, const std::unordered_set<std::string>& seen) {
  kernel::SysctlSelection global;
  std::copy_if(missing.begin(), missing.end(), std::back_inserter(global.names), kernel::may_be_global);
  for (const std::string& pattern : selection.patterns) {
    if (pattern.starts_with("fs.")) continue;
    global.patterns.push_back(pattern);
  }
  if (global.empty() || kernel::in_first_namespace(task.files)) return;
  const auto mark_absent = [&](const Error& error) {
    for (const std::string& name : exact_names(*task.asked(kTable))) {
      if (kernel::may_be_global(name) && !seen.contains(name)) add_absence(task, name, error);
    }
    for (const std::string& pattern : global.patterns) add_absence(task, pattern, error);
  };
  const auto first =
      std::find_if(task.namespaces.begin(), task.namespaces.end(), [](const auto& each) { return each.first; });
  const Error unseen = make_error(ErrorCode::denied, "enter the first namespace", {},
                                  "not visible from here, and what is missing may be kept there only");
  if (first == task.namespaces.end()) return mark_absent(unseen);
  const auto scope = kernel::NetnsScope::enter(*first);
  if (!scope) return mark_absent(scope.error());
  if (!kernel::in_first_namespace(task.files)) return mark_absent(unseen);
  // A name that is missing there too does not exist in this kernel.
  (void)kernel::read_sysctls(task.files, global, [&](std::string_view name, const Result<std::string_view>& content) {
    if (!kernel::may_be_global(name) || seen.contains(std::string(name))) return;
    if (content) {
      add_row(task, name, *content, true);
    } else {
      add_absence(task, name, content.error());
    }
  });
}

void gather_sysctls(const Task& task) {
  const facts::TableRequest* request = task.asked(kTable);
  if (request == nullptr) return;
  (void)task.out.rows<facts::Sysctl>();
  const kernel::SysctlSelection selection = kernel::select_sysctls(request->only_patterns("name"));
  std::unordered_set<std::string> seen;
  const std::vector<std::string> missing =
      kernel::read_sysctls(task.files, selection, [&](std::string_view name, const Result<std::string_view>& content) {
        seen.emplace(name);
        if (content) {
          add_row(task, name, *content, false);
        } else {
          add_absence(task, name, content.error());
        }
      });
  add_global_rows(task, missing, selection, seen);
}

}  // namespace

const Source& sysctl_source() {
  static constexpr std::array<std::string_view, 1> kTables = {kTable};
  static const Source source{"sysctls", Where::each_namespace, kTables, gather_sysctls};
  return source;
}

}  // namespace hostcheck::gather
