#include "core/observe/observation.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "core/facts/observation.h"
#include "core/kernel/sock_diag.h"
#include "core/kernel/symbols.h"
#include "core/observe/surroundings.h"
#include "core/observe/tables.h"

namespace hostcheck::observe {
namespace {

using Clock = std::chrono::steady_clock;

// Samples take at most one part in so many of the time: with hundreds of namespaces they cost milliseconds.
constexpr int kSampleCost = 50;
// Likewise those of the half-open queues, for which the kernel walks its whole table of connections.
constexpr int kHalfOpenCost = 100;

enum class Moment { begin, within, end };

struct Filler {
  std::string_view table;
  void (*fill)(const Seen&, facts::Facts&);
};
constexpr std::array kFillers = {
    Filler{"syns", fill_syns},
    Filler{"unanswered_syns", fill_unanswered_syns},
    Filler{"drops", fill_drops},
    Filler{"resets", fill_resets},
    Filler{"retransmits", fill_retransmits},
    Filler{"timestamps_backwards", fill_timestamps_backwards},
    Filler{"icmp_errors", fill_icmp_errors},
    Filler{"accepts", fill_accepts},
    Filler{"lost_events", fill_lost_events},
};
// Without BPF too.
constexpr std::string_view kListenerDrops = "listener_drops";
// What the samples of the listeners are needed for.
constexpr std::array<std::string_view, 2> kSampled = {kListenerDrops, "accepts"};

bool asked(const facts::Request& request, std::string_view table) {
  return request.find(table) != request.end();
}

}  // namespace

struct Observation::State {
  facts::Request request;
  std::map<std::uint32_t, Surroundings> around;  // by netns inode
  std::optional<Trace> trace;
  std::optional<Error> trace_error;
  std::optional<TraceRecord> record;
  std::vector<std::pair<std::string, Error>> sample_errors;  // namespace and why it could not be sampled
  std::vector<Method> methods;
  Clock::time_point began;
  Clock::time_point next_sample;
  Clock::time_point next_half_open;
  std::chrono::milliseconds span{0};
  bool ran = false;

  void sample(Moment moment);
  [[nodiscard]] Names names() const;
};

void Observation::State::sample(Moment moment) {
  const auto start = Clock::now();
  const bool half_open = moment != Moment::within || start >= next_half_open;
  Clock::duration for_half_open{0};
  for (auto& [inode, place] : around) {
    auto scope = kernel::NetnsScope::enter(place.netns());
    Result<void> sampled = scope ? place.sample() : Result<void>(unexpected(scope.error()));
    if (scope && moment == Moment::begin) place.read_limits();
    if (scope && moment != Moment::within) place.read_counters();
    if (sampled && half_open) {
      const auto before = Clock::now();
      sampled = place.sample_half_open(trace ? trace->listener_iterator() : -1);
      for_half_open += Clock::now() - before;
    }
    // A namespace that is gone has nothing to tell any more, and nothing is missing.
    if (!sampled && sampled.error().code != ErrorCode::vanished) {
      const auto known = std::find_if(sample_errors.begin(), sample_errors.end(),
                                      [&](const auto& each) { return each.first == place.netns().name; });
      if (known == sample_errors.end()) sample_errors.emplace_back(place.netns().name, sampled.error());
    }
  }
  const auto end = Clock::now();
  next_sample = end + kSampleCost * (end - start - for_half_open);
  if (half_open) next_half_open = end + kHalfOpenCost * for_half_open;
}

Names Observation::State::names() const {
  Names names;
  std::set<std::uint64_t> places;
  std::set<std::pair<std::uint32_t, std::uint32_t>> interfaces;
  for (const auto& [key, drop] : record->drops) {
    if (!around.contains(key.netns)) continue;
    places.insert(key.place);
    interfaces.insert({key.netns, key.ifindex});
  }
  for (const auto& [key, flow] : record->flows) {
    if (!around.contains(key.netns)) continue;
    if (flow.drops > 0) places.insert(flow.drop_place);
    if (flow.ack_drops > 0) places.insert(flow.ack_drop_place);
    if (flow.synack_drops > 0) places.insert(flow.synack_drop_place);
    interfaces.insert({key.netns, flow.ifindex});
  }
  if (!places.empty()) {
    // Without names the addresses are of no use to anybody; reason and tuple still are.
    const std::vector<std::uint64_t> wanted(places.begin(), places.end());
    if (auto functions = kernel::functions_at(wanted)) names.places = std::move(*functions);
  }
  names.drop_reasons.insert(record->drop_reasons.begin(), record->drop_reasons.end());
  names.reset_reasons.insert(record->reset_reasons.begin(), record->reset_reasons.end());
  for (const auto& [inode, place] : around) {
    auto scope = kernel::NetnsScope::enter(place.netns());
    if (!scope) continue;
    for (const auto& [netns, ifindex] : interfaces) {
      if (netns == inode && ifindex != 0) names.interfaces[{netns, ifindex}] = kernel::interface_name(ifindex);
    }
  }
  return names;
}

bool is_observation_table(std::string_view table) {
  return table == kListenerDrops ||
         std::any_of(kFillers.begin(), kFillers.end(), [&](const Filler& each) { return each.table == table; });
}

bool is_wanted(const facts::Request& request) {
  return std::any_of(request.begin(), request.end(), [](const auto& each) { return is_observation_table(each.first); });
}

Observation::Observation(std::unique_ptr<State> state) : state_(std::move(state)) {}
Observation::Observation(Observation&&) noexcept = default;
Observation& Observation::operator=(Observation&&) noexcept = default;
Observation::~Observation() = default;

Observation Observation::prepare(const facts::Request& request, const std::vector<kernel::NetnsInfo>& namespaces) {
  auto state = std::make_unique<State>();
  state->request = request;
  for (const kernel::NetnsInfo& each : namespaces) state->around.emplace(static_cast<std::uint32_t>(each.inode), each);
  if (is_wanted(request)) {
    const auto only = namespaces.size() == 1 ? static_cast<std::uint32_t>(namespaces.front().inode) : 0U;
    auto trace = Trace::open(only);
    if (trace) {
      state->trace = std::move(*trace);
      state->methods = state->trace->methods();
    } else {
      state->trace_error = trace.error();
      state->methods = methods_without_bpf(trace.error());
    }
    state->methods.push_back(method_of_samples());
  }
  return Observation(std::move(state));
}

void Observation::begin() {
  State& state = *state_;
  if (!is_wanted(state.request)) return;
  state.ran = true;
  // Before the programs run: what they count is then never more than what the listeners count.
  state.began = Clock::now();
  state.sample(Moment::begin);
  if (!state.trace) return;
  if (auto started = state.trace->start(); !started) state.trace_error = started.error();
  state.methods = state.trace->methods();
  state.methods.push_back(method_of_samples());
}

void Observation::sample() {
  if (state_->ran && Clock::now() >= state_->next_sample) state_->sample(Moment::within);
}

void Observation::end() {
  State& state = *state_;
  if (!state.ran) return;
  state.sample(Moment::end);
  state.span = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - state.began);
  if (state.trace && !state.trace_error) {
    if (auto record = state.trace->stop()) {
      state.record = std::move(*record);
    } else {
      state.trace_error = record.error();
    }
  }
  state.trace.reset();
}

void Observation::fill(facts::Facts& out) {
  State& state = *state_;
  if (!state.ran) return;
  if (asked(state.request, kListenerDrops)) {
    fill_listener_drops(state.around, state.span, out);
  }
  for (const std::string_view table : kSampled) {
    if (!asked(state.request, table)) continue;
    for (const auto& [netns, error] : state.sample_errors) out.add_absence(table, netns, error);
  }
  if (!state.record) {
    const Error error =
        state.trace_error.value_or(make_error(ErrorCode::failed, "observe", {}, "nothing was recorded"));
    for (const Filler& each : kFillers) {
      if (asked(state.request, each.table)) out.add_absence(each.table, {}, error, remedy_for(error));
    }
    return;
  }
  const Names names = state.names();
  const Seen seen{*state.record, state.around, names, state.span};
  for (const Filler& each : kFillers) {
    if (asked(state.request, each.table)) each.fill(seen, out);
  }
  const auto accepts = state.request.find("accepts");
  if (accepts != state.request.end() && (accepts->second.wants("pid") || accepts->second.wants("process"))) {
    fill_accept_owners(state.around, out);
  }
  note_lost(state.record->lost, state.request, out);
}

const std::vector<Method>& Observation::methods() const {
  return state_->methods;
}

std::vector<Method> probe_methods() {
  auto trace = Trace::open(0);
  if (trace) {
    if (const auto started = trace->start(); !started) trace = unexpected(started.error());
  }
  std::vector<Method> methods = trace ? trace->methods() : methods_without_bpf(trace.error());
  methods.push_back(method_of_samples());
  return methods;
}

}  // namespace hostcheck::observe
