#include "core/observe/observation.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "core/facts/observation.h"
#include "core/kernel/packet_socket.h"
#include "core/kernel/sock_diag.h"
#include "core/kernel/symbols.h"
#include "core/observe/surroundings.h"
#include "core/observe/tables.h"

namespace hostcheck::observe {
namespace {

using Clock = std::chrono::steady_clock;

// Readings of the map of drops that has changed, for its course over time, take at most one part in so many of the
// time.
constexpr int kDropsCost = 100;

// What a sample of one namespace's listeners takes of a slow processor.
constexpr std::chrono::microseconds kUsualCost{100};

// In how many namespaces what samples read by is kept open; each is a socket with its buffer.
constexpr std::size_t kKeptOpen = 16;

enum class Moment { begin, within, end };

// What a sample of every namespace took of a processor.
struct Cost {
  std::chrono::nanoseconds listeners{0};
  std::chrono::nanoseconds half_open{0};
};

// The samples that were taken, and what they cost.
class Taken {
 public:
  // One that was disturbed does not tell what others will cost, nor does the first, which is made while all is cold.
  // usual: what is expected, at most, while there is only the first.
  void note(Clock::time_point ended, std::chrono::nanoseconds took, std::chrono::nanoseconds usual) {
    cost_ = std::min(latest_.value_or(usual), took);
    latest_ = took;
    ended_ = ended;
  }
  [[nodiscard]] Clock::time_point ended() const { return ended_; }
  [[nodiscard]] std::chrono::nanoseconds cost() const { return cost_; }

 private:
  Clock::time_point ended_;
  std::optional<std::chrono::nanoseconds> latest_;
  std::chrono::nanoseconds cost_{0};
};

// What this thread has had of a processor: while another one has it, a sample costs nothing.
std::chrono::nanoseconds processor_time() {
  timespec now{};
  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0) return {};
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

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
    Filler{"drop_samples", fill_drop_samples},
    Filler{"accepts", fill_accepts},
    Filler{"lost_events", fill_lost_events},
};
// Without BPF too.
constexpr std::string_view kListenerDrops = "listener_drops";
constexpr std::string_view kDropSamples = "drop_samples";
constexpr std::string_view kQueueSamples = "queue_samples";
// What the samples of the listeners are needed for.
constexpr std::array<std::string_view, 3> kSampled = {kListenerDrops, kQueueSamples, "accepts"};

bool asked(const facts::Request& request, std::string_view table) {
  return request.find(table) != request.end();
}

}  // namespace

struct Observation::State {
  facts::Request request;
  Pace pace;
  std::map<std::uint32_t, Surroundings> around;  // by netns inode
  std::set<std::uint32_t> asked_netns;           // of those, at the end of the last round
  std::optional<Trace> trace;
  std::optional<Error> trace_error;
  std::optional<TraceRecord> record;
  std::vector<std::pair<std::string, Error>> sample_errors;  // namespace and why it could not be sampled
  std::vector<Method> methods;
  std::optional<DropSeries> drops;  // where it is asked for
  Clock::time_point began;
  Taken sampled_last;
  Taken half_open_last;
  Clock::time_point next_drops;
  std::uint64_t drops_read = 0;  // Trace::drops_seen() at the last reading
  bool calm = false;             // as the last sample found it
  std::chrono::milliseconds span{0};
  bool ran = false;
  bool in_rounds = false;  // it goes on after fill()

  void sample(Moment moment);
  // Whether there were any since the last time.
  bool sample_drops();
  // When the pause that follows a sample is over; cost: of how many parts of the time such samples may take one.
  [[nodiscard]] Clock::time_point end_of_pause(const Taken& taken, int cost) const {
    const auto pause = std::max<std::chrono::nanoseconds>(cost * taken.cost(), kSampleEvery);
    return taken.ended() + (calm ? pace.calm * pause : pause);
  }
  [[nodiscard]] std::uint32_t since_begin() const {
    return static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began).count());
  }
  [[nodiscard]] Result<void> sample(Surroundings& place, Moment moment, bool with_half_open, Cost& cost);
  [[nodiscard]] Names names() const;
};

Result<void> Observation::State::sample(Surroundings& place, Moment moment, bool with_half_open, Cost& cost) {
  std::optional<kernel::NetnsScope> scope;
  const auto start = processor_time();
  if (moment != Moment::within || with_half_open || !place.is_open()) {
    auto entered = kernel::NetnsScope::enter(place.netns());
    if (!entered) return unexpected(entered.error());
    scope.emplace(std::move(*entered));
  }
  auto sampled = place.sample(around.size() <= kKeptOpen);
  cost.listeners += processor_time() - start;
  if (moment == Moment::begin) place.read_limits();
  if (moment != Moment::within) place.read_counters();
  if (!sampled || !with_half_open) return sampled;
  const auto before = processor_time();
  sampled = place.sample_half_open(trace ? trace->listener_iterator() : -1);
  cost.half_open += processor_time() - before;
  return sampled;
}

void Observation::State::sample(Moment moment) {
  Cost cost;
  const bool with_half_open =
      moment != Moment::within || Clock::now() >= end_of_pause(half_open_last, pace.half_open_cost);
  const bool keeps_points = asked(request, kQueueSamples);
  calm = true;
  for (auto& [inode, place] : around) {
    const auto sampled = sample(place, moment, with_half_open, cost);
    if (sampled && keeps_points) place.keep_point(since_begin());
    calm = calm && place.is_calm();
    // A namespace that is gone has nothing to tell any more, and nothing is missing.
    if (!sampled && sampled.error().code != ErrorCode::vanished) {
      const auto known = std::find_if(sample_errors.begin(), sample_errors.end(),
                                      [&](const auto& each) { return each.first == place.netns().name; });
      if (known == sample_errors.end()) sample_errors.emplace_back(place.netns().name, sampled.error());
    }
  }
  const auto end = Clock::now();
  sampled_last.note(end, cost.listeners, kUsualCost * around.size());
  if (with_half_open) half_open_last.note(end, cost.half_open, std::chrono::nanoseconds::max());
}

// A reading that fails makes the slice longer: the next one, or the end, has all that came.
bool Observation::State::sample_drops() {
  const auto start = Clock::now();
  if (!drops || !trace || trace_error) return false;
  const std::uint64_t seen = trace->drops_seen();
  if (seen == drops_read) {
    drops->add(since_begin(), {});
    return false;
  }
  if (start < next_drops) return true;
  const auto so_far = trace->drops_so_far();
  if (so_far) {
    drops->add(since_begin(), *so_far);
    drops_read = seen;
  }
  const auto end = Clock::now();
  next_drops = end + kDropsCost * (end - start);
  return true;
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
  return table == kListenerDrops || table == kQueueSamples ||
         std::any_of(kFillers.begin(), kFillers.end(), [&](const Filler& each) { return each.table == table; });
}

bool is_wanted(const facts::Request& request) {
  return std::any_of(request.begin(), request.end(), [](const auto& each) { return is_observation_table(each.first); });
}

Observation::Observation(std::unique_ptr<State> state) : state_(std::move(state)) {}
Observation::Observation(Observation&&) noexcept = default;
Observation& Observation::operator=(Observation&&) noexcept = default;
Observation::~Observation() = default;

Observation Observation::prepare(const facts::Request& request, const std::vector<kernel::NetnsInfo>& namespaces,
                                 Pace pace, bool all) {
  auto state = std::make_unique<State>();
  state->request = request;
  state->pace = pace;
  for (const kernel::NetnsInfo& each : namespaces) state->around.emplace(static_cast<std::uint32_t>(each.inode), each);
  if (asked(request, kDropSamples)) state->drops.emplace();
  if (is_wanted(request)) {
    const auto only = !all && namespaces.size() == 1 ? static_cast<std::uint32_t>(namespaces.front().inode) : 0U;
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

std::chrono::milliseconds Observation::sample() {
  State& state = *state_;
  if (!state.ran) return state.pace.calm * kSampleEvery;
  const bool dropped = state.sample_drops();
  const auto due = [&] { return state.end_of_pause(state.sampled_last, state.pace.sample_cost); };
  if (Clock::now() >= due()) state.sample(Moment::within);
  const auto longest = dropped ? kSampleEvery : state.pace.calm * kSampleEvery;
  const auto rest = std::chrono::ceil<std::chrono::milliseconds>(due() - Clock::now());
  return std::clamp(rest, std::chrono::milliseconds{1}, longest);
}

void Observation::end() {
  State& state = *state_;
  if (!state.ran) return;
  state.sample(Moment::end);
  state.span = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - state.began);
  if (state.trace && !state.trace_error) {
    if (auto record = state.trace->stop()) {
      state.record = std::move(*record);
      if (state.drops) state.drops->add(static_cast<std::uint32_t>(state.span.count()), state.record->drops);
    } else {
      state.trace_error = record.error();
    }
  }
  state.trace.reset();
}

void Observation::end_round(const std::vector<kernel::NetnsInfo>& asked) {
  State& state = *state_;
  if (!state.ran) return;
  state.in_rounds = true;
  state.drops.reset();
  for (const kernel::NetnsInfo& each : asked) {
    const auto [place, added] = state.around.try_emplace(static_cast<std::uint32_t>(each.inode), each);
    if (!added) {
      place->second.know_as(each);
      continue;
    }
    if (auto scope = kernel::NetnsScope::enter(each)) place->second.read_limits();
  }
  state.asked_netns.clear();
  for (const kernel::NetnsInfo& each : asked) state.asked_netns.insert(static_cast<std::uint32_t>(each.inode));
  state.sample(Moment::end);
  const auto now = Clock::now();
  state.span = std::chrono::duration_cast<std::chrono::milliseconds>(now - state.began);
  state.began = now;
  if (!state.trace || state.trace_error) return;
  if (auto record = state.trace->next()) {
    state.record = std::move(*record);
  } else {
    state.trace_error = record.error();
    state.record.reset();
  }
}

void Observation::begin_round(const facts::Request& request) {
  State& state = *state_;
  state.request = request;
  if (!state.ran) return;
  state.sample_errors.clear();
  state.record.reset();
  std::erase_if(state.around, [&](const auto& each) { return !state.asked_netns.contains(each.first); });
  for (auto& [inode, place] : state.around) {
    place.begin_again();
    if (auto scope = kernel::NetnsScope::enter(place.netns())) place.read_limits();
  }
}

void Observation::ask(const facts::Request& request) {
  state_->request = request;
}

void Observation::make_room() {
  if (state_->ran && state_->trace && !state_->trace_error) state_->trace->make_room();
}

void Observation::fill(facts::Facts& out) {
  State& state = *state_;
  if (!state.ran) return;
  if (asked(state.request, kListenerDrops)) {
    fill_listener_drops(state.around, state.span, out);
  }
  if (asked(state.request, kQueueSamples)) fill_queue_samples(state.around, state.span, out);
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
  const Seen seen{*state.record, state.around, names, state.span, state.drops ? &*state.drops : nullptr};
  for (const Filler& each : kFillers) {
    if (asked(state.request, each.table)) each.fill(seen, out);
  }
  if (state.in_rounds && asked(state.request, kDropSamples)) {
    out.add_absence(kDropSamples, {},
                    make_error(ErrorCode::unsupported, "observe", kDropSamples, "a watch keeps no course over time"));
  }
  const auto accepts = state.request.find("accepts");
  if (accepts != state.request.end() && (accepts->second.wants("pid") || accepts->second.wants("process"))) {
    fill_accept_owners(state.around, out);
  }
  note_lost(state.record->lost, state.request, out);
}

Observation::Window Observation::window() const {
  if (!state_->record) return {};
  // The programs' clock stands still in suspend and is never set; for a run of seconds the two go alike.
  const auto between = kernel::wall_clock() - std::chrono::steady_clock::now().time_since_epoch();
  return {std::chrono::nanoseconds(state_->record->started_ns) + between,
          std::chrono::nanoseconds(state_->record->ended_ns) + between};
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
