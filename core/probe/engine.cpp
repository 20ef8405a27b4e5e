#include "core/probe/engine.h"

#include <algorithm>
#include <memory>
#include <tuple>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

#include "core/base/text.h"
#include "core/probe/kind.h"

namespace hostcheck::probe {
namespace {

std::vector<std::string> kind_names() {
  std::vector<std::string> names;
  for (const Kind* kind : all_kinds()) names.emplace_back(kind->info.name);
  return names;
}

const Kind* find_kind(std::string_view name) {
  const auto kinds = all_kinds();
  const auto found =
      std::find_if(kinds.begin(), kinds.end(), [&](const Kind* kind) { return kind->info.name == name; });
  return found == kinds.end() ? nullptr : *found;
}

// Equal asks once, with everybody who asked.
std::vector<Ask> merged(std::span<const Ask> asks) {
  std::vector<Ask> out;
  for (const Ask& ask : asks) {
    const auto same = std::find_if(out.begin(), out.end(), [&](const Ask& other) {
      return std::tie(ask.kind, ask.target, ask.netns, ask.args) ==
             std::tie(other.kind, other.target, other.netns, other.args);
    });
    if (same == out.end()) {
      out.push_back(ask);
      continue;
    }
    for (const std::string& who : ask.asked_by) {
      if (std::find(same->asked_by.begin(), same->asked_by.end(), who) == same->asked_by.end()) {
        same->asked_by.push_back(who);
      }
    }
  }
  return out;
}

Task<void> run_one(const Kind& kind, Context& context) {
  const auto start = Clock::now();
  co_await kind.run(context);
  context.result.duration_ms =
      static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count());
}

}  // namespace

std::vector<KindInfo> kinds() {
  std::vector<KindInfo> out;
  for (const Kind* kind : all_kinds()) out.push_back(kind->info);
  return out;
}

Result<void> check(const Ask& ask) {
  const Kind* kind = find_kind(ask.kind);
  if (kind == nullptr) {
    return unexpected(
        make_error(ErrorCode::invalid, "probe", ask.kind, "no such kind" + did_you_mean(ask.kind, kind_names())));
  }
  std::vector<std::string> known;
  for (const std::string_view each : kind->info.args) known.emplace_back(each.substr(0, each.find('=')));
  for (const auto& [name, value] : ask.args) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    return unexpected(
        make_error(ErrorCode::invalid, "probe " + ask.kind, name, "no such argument" + did_you_mean(name, known)));
  }
  return {};
}

Engine::Engine(Limits limits, std::vector<kernel::NetnsInfo> namespaces)
    : limits_(limits), namespaces_(std::move(namespaces)) {}

void Engine::run(std::span<const Ask> asks, facts::Facts& out) {
  auto& results = out.rows<facts::ProbeResult>();
  asio::io_context io(1);
  std::vector<std::unique_ptr<Context>> contexts;
  const std::vector<Ask> wanted = merged(asks);
  for (const Ask& ask : wanted) {
    auto context = std::make_unique<Context>(*this, io, ask, out, next_id_++);
    const auto place = std::find_if(namespaces_.begin(), namespaces_.end(),
                                    [&](const kernel::NetnsInfo& each) { return each.name == ask.netns; });
    if (const auto known = check(ask); !known) {
      context->result.error = known.error().message();
    } else if (place == namespaces_.end()) {
      context->result.error = "no namespace " + ask.netns + " in this run";
    } else {
      context->netns_ = &*place;
      asio::co_spawn(io, run_one(*find_kind(ask.kind), *context), asio::detached);
    }
    contexts.push_back(std::move(context));
  }
  io.run();
  for (auto& context : contexts) results.push_back(std::move(context->own_result_));
}

}  // namespace hostcheck::probe
