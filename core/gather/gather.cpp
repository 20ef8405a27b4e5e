#include "core/gather/gather.h"

#include <algorithm>

namespace hostcheck::gather {
namespace {

using Clock = std::chrono::steady_clock;

bool any_asked(const Source& source, const facts::Request& request) {
  return std::any_of(source.tables.begin(), source.tables.end(),
                     [&](std::string_view table) { return request.find(table) != request.end(); });
}

void mark_absent(const Source& source, const facts::Request& request, std::string_view netns, const Error& error,
                 facts::Facts& out) {
  for (const std::string_view table : source.tables) {
    if (request.find(table) != request.end()) out.add_absence(table, netns, error);
  }
}

const kernel::NetnsInfo* first_namespace(const Options& options) {
  const auto found = std::find_if(options.known.begin(), options.known.end(),
                                  [](const kernel::NetnsInfo& each) { return each.first; });
  return found == options.known.end() ? nullptr : &*found;
}

void run_in(const Source& source, const facts::Request& request, const Options& options, const kernel::NetnsInfo& netns,
            facts::Facts& out) {
  auto scope = kernel::NetnsScope::enter(netns);
  if (!scope) {
    mark_absent(source, request, source.where == Where::each_namespace ? netns.name : "", scope.error(), out);
    return;
  }
  source.gather(Task{request, options.files, netns, options.known, out});
}

void run_sources(const facts::Request& request, const Options& options, Where where, facts::Facts& out) {
  for (const Source* source : sources()) {
    if (source->where != where || !any_asked(*source, request)) continue;
    if (where == Where::once) {
      source->gather(Task{request, options.files, options.asked.front(), options.known, out});
    } else if (const kernel::NetnsInfo* first = first_namespace(options)) {
      run_in(*source, request, options, *first, out);
    } else {
      mark_absent(*source, request, {},
                  make_error(ErrorCode::denied, "enter the first namespace", "/proc/1/ns/net", "not visible from here"),
                  out);
    }
  }
}

}  // namespace

Result<Options> plan_namespaces(std::string_view netns, bool scan) {
  Options options;
  auto known = kernel::list_namespaces(scan || netns == "all");
  if (!known) return unexpected(known.error());
  options.known = std::move(known->namespaces);
  std::uint64_t inode = 0;
  if (!netns.empty() && netns != "all") {
    auto named = kernel::find_namespace(netns);
    if (!named) return unexpected(named.error());
    inode = named->inode;
    const bool listed = std::any_of(options.known.begin(), options.known.end(),
                                    [&](const kernel::NetnsInfo& each) { return each.inode == inode; });
    if (!listed) options.known.push_back(std::move(*named));
  }
  for (kernel::NetnsInfo& each : options.known) {
    each.asked = netns == "all" || (netns.empty() ? each.here : each.inode == inode);
    if (each.asked) options.asked.push_back(each);
  }
  return options;
}

facts::Facts gather(const facts::Request& request, const Options& options) {
  facts::Facts out;
  run_sources(request, options, Where::once, out);
  run_sources(request, options, Where::first_namespace, out);
  for (const kernel::NetnsInfo& netns : options.asked) {
    // One entry a namespace, not one a source: entering costs more than many sources do.
    auto scope = kernel::NetnsScope::enter(netns);
    // Of many namespaces one that went away meanwhile is not missing: there is nothing left to judge.
    if (!scope && scope.error().code == ErrorCode::vanished && options.asked.size() > 1) continue;
    for (const Source* source : sources()) {
      if (source->where != Where::each_namespace || !any_asked(*source, request)) continue;
      if (!scope) {
        mark_absent(*source, request, netns.name, scope.error(), out);
      } else {
        source->gather(Task{request, options.files, netns, options.known, out});
      }
    }
  }
  return out;
}

facts::Facts observe(const facts::Request& request, const Options& options, std::chrono::milliseconds window,
                     const std::function<void(std::chrono::milliseconds)>& wait) {
  if (window.count() == 0) return gather(request, options);
  facts::Request sampled;
  facts::Request steady;
  for (const auto& [name, table] : request) (table.wants_observation() ? sampled : steady).emplace(name, table);
  const auto start = Clock::now();
  facts::Facts first = gather(sampled, options);
  wait(window);
  // The second sample has everything, so that rows of different tables are of the same moment where they are joined.
  facts::Facts second = gather(request, options);
  const auto span = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);
  second.observed = span;  // wait() may have ended it early
  for (const auto& [name, table] : sampled) second.fill_deltas_from(first, name, span);
  return second;
}

}  // namespace hostcheck::gather
