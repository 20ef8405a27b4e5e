#include "core/probe/engine.h"

#include <algorithm>
#include <exception>
#include <memory>
#include <tuple>

#include <asio/co_spawn.hpp>
#include <asio/steady_timer.hpp>

#include "core/base/text.h"
#include "core/probe/kind.h"

namespace hostcheck::probe {
namespace {

std::vector<std::string> kind_names(std::span<const Kind* const> kinds) {
  std::vector<std::string> names;
  for (const Kind* kind : kinds) names.emplace_back(kind->info.name);
  return names;
}

const Kind* find_kind(std::span<const Kind* const> kinds, std::string_view name) {
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

// How long after the deadline a probe may take to end by itself.
constexpr std::chrono::milliseconds kGrace(250);

void note_duration(facts::ProbeResult& result, Clock::time_point start) {
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);
  result.duration_ms = static_cast<std::uint32_t>(took.count());
}

Task<void> run_one(const Kind& kind, Context& context, Clock::time_point start) {
  co_await kind.run(context);
  note_duration(context.result, start);
}

constexpr std::chrono::milliseconds kTick(20);

// Calls the onlooker's tick over and over. Its timer keeps the loop from ending: it goes when the last probe has ended.
class Ticker {
 public:
  Ticker(asio::io_context& io, const std::function<void()>& tick) : timer_(io), tick_(tick) {
    if (tick_) wait();
  }
  void end() { timer_.cancel(); }

 private:
  void wait() {
    timer_.expires_after(kTick);
    timer_.async_wait([this](const asio::error_code& error) {
      if (error) return;
      tick_();
      wait();
    });
  }
  asio::steady_timer timer_;
  const std::function<void()>& tick_;
};

std::string words_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "an exception of unknown type";
  }
}

Result<void> check_with(std::span<const Kind* const> kinds, const Ask& ask) {
  const Kind* kind = find_kind(kinds, ask.kind);
  if (kind == nullptr) {
    return unexpected(
        make_error(ErrorCode::invalid, "probe", ask.kind, "no such kind" + did_you_mean(ask.kind, kind_names(kinds))));
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

}  // namespace

std::vector<KindInfo> kinds() {
  std::vector<KindInfo> out;
  for (const Kind* kind : all_kinds()) out.push_back(kind->info);
  return out;
}

Result<void> check(const Ask& ask) {
  return check_with(all_kinds(), ask);
}

Engine::Engine(Limits limits, std::vector<kernel::NetnsInfo> namespaces, std::span<const Kind* const> kinds)
    : limits_(limits), namespaces_(std::move(namespaces)), kinds_(kinds) {}

void Engine::run(std::span<const Ask> asks, facts::Facts& out) {
  auto& results = out.rows<facts::ProbeResult>();
  const std::vector<Ask> wanted = merged(asks);
  std::vector<std::unique_ptr<Context>> contexts;  // live longer than the loop, whose coroutines use them
  {
    asio::io_context io(1);
    const auto start = Clock::now();
    std::size_t running = 0;
    std::vector<bool> ended;
    ended.reserve(wanted.size());
    Ticker ticker(io, onlooker_.tick);
    for (const Ask& ask : wanted) {
      auto context = std::make_unique<Context>(*this, io, ask, out, next_id_++);
      const auto place = std::find_if(namespaces_.begin(), namespaces_.end(),
                                      [&](const kernel::NetnsInfo& each) { return each.name == ask.netns; });
      ended.push_back(true);
      if (const auto known = check_with(kinds_, ask); !known) {
        context->fail(known.error());
      } else if (place == namespaces_.end()) {
        context->fail(make_error(ErrorCode::invalid, "probe " + ask.kind, ask.netns, "no such namespace in this run"));
      } else {
        context->netns_ = &*place;
        ended.back() = false;
        ++running;
        asio::co_spawn(io, run_one(*find_kind(kinds_, ask.kind), *context, start),
                       [&, number = ended.size() - 1, &result = context->result](const std::exception_ptr& thrown) {
                         ended[number] = true;
                         if (--running == 0) ticker.end();
                         if (thrown) result.error = words_of(thrown);
                       });
      }
      contexts.push_back(std::move(context));
    }
    if (running == 0) ticker.end();
    io.run_until(limits_.deadline + kGrace);
    for (std::size_t number = 0; running > 0 && number < ended.size(); ++number) {
      if (ended[number]) continue;
      contexts[number]->result.complete = false;
      note_duration(contexts[number]->result, start);
    }
  }
  for (auto& context : contexts) results.push_back(std::move(context->own_result_));
}

}  // namespace hostcheck::probe
