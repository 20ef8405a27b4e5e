#include "core/observe/trace.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <observe.skel.h>
#include <time.h>

#include "core/observe/refusals.h"
#include "core/observe/rounds.h"

namespace hostcheck::observe {
namespace {

std::uint64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000ULL + static_cast<std::uint64_t>(now.tv_nsec);
}

int no_output(libbpf_print_level, const char*, va_list) {
  return 0;
}

// Reads a whole map. Batches where the kernel has them, one by one otherwise.
template <typename Key, typename Row>
Result<void> read_map(const bpf_map* map, std::string_view name, MapRows<Key, Row>& out) {
  const int fd = bpf_map__fd(map);
  constexpr std::uint32_t kBatch = 2048;
  std::vector<Key> keys(kBatch);
  std::vector<Row> rows(kBatch);
  std::vector<std::uint8_t> position(sizeof(Key) > 64 ? sizeof(Key) : 64);
  bool begun = false;
  while (true) {
    std::uint32_t count = kBatch;
    bpf_map_batch_opts options{};
    options.sz = sizeof options;
    const int failed = bpf_map_lookup_batch(fd, begun ? position.data() : nullptr, position.data(), keys.data(),
                                            rows.data(), &count, &options);
    const int error = failed != 0 ? errno : 0;
    if (error != 0 && error != ENOENT) {
      if (error == ENOSPC && !begun) break;  // a bucket larger than the batch: read one by one
      return unexpected(errno_error(error, "read BPF map", name));
    }
    begun = true;
    for (std::uint32_t i = 0; i < count; ++i) out.emplace_back(keys[i], rows[i]);
    if (error == ENOENT) return {};
  }
  Key key{};
  Key next{};
  bool first = true;
  while (bpf_map_get_next_key(fd, first ? nullptr : &key, &next) == 0) {
    Row row{};
    if (bpf_map_lookup_elem(fd, &next, &row) == 0) out.emplace_back(next, row);
    key = next;
    first = false;
  }
  return {};
}

// Rows that are gone already are no loss. Kernels before 5.6 know no batches.
template <typename Key>
void forget(const bpf_map* map, std::vector<Key>& keys) {
  if (keys.empty()) return;
  const int fd = bpf_map__fd(map);
  for (std::size_t at = 0; at < keys.size();) {
    auto count = static_cast<std::uint32_t>(keys.size() - at);
    bpf_map_batch_opts options{};
    options.sz = sizeof options;
    if (bpf_map_delete_batch(fd, keys.data() + at, &count, &options) == 0) return;
    at += std::min<std::size_t>(count, keys.size() - at);
    if (at < keys.size()) static_cast<void>(bpf_map_delete_elem(fd, &keys[at]));
    ++at;
  }
}

Error load_error(int error, std::string_view what) {
  Error result = errno_error(error, what, "BPF programs");
  if (error == EPERM || error == EACCES) {
    result.code = ErrorCode::denied;
    result.detail = "CAP_BPF and CAP_PERFMON are needed, and CAP_SYS_ADMIN to look for types in the kernel's modules";
  }
  return result;
}

}  // namespace

struct Trace::State {
  observe_bpf* skeleton = nullptr;
  std::vector<Method> methods;
  std::optional<RefusalPoints> refusals;
  std::uint64_t started_ns = 0;
  Rounds rounds;
  bpf_program* receive = nullptr;  // of the programs for the same tracepoint, the one that this kernel takes
  bpf_program* transmit = nullptr;
  bool has_drop_reasons = false;
  bool has_reset_reasons = false;
  bool has_iterator = false;
  EnumNames drop_reasons;
  EnumNames reset_reasons;
  // Whether enough is there to see anything.
  [[nodiscard]] bool choose(const KernelTypes& types, bool with_iterator);
  // Costs nothing until somebody reads, so it need not wait for the start.
  void link_iterator() {
    if (has_iterator) skeleton->links.observe_listeners = bpf_program__attach(skeleton->progs.observe_listeners);
  }
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (skeleton != nullptr) observe_bpf::destroy(skeleton);
  }
};

Trace::Trace(std::unique_ptr<State> state) : state_(std::move(state)) {}
Trace::Trace(Trace&&) noexcept = default;
Trace& Trace::operator=(Trace&&) noexcept = default;
Trace::~Trace() = default;

namespace {

// Chooses the programs by what the kernel's own types say that it has, and tells of each method.
class Choice {
 public:
  Choice(const KernelTypes& types, std::vector<Method>& methods) : types_(types), methods_(methods) {}

  // Whether the program is loaded: where the tracepoint has at least so many arguments.
  bool at_tracepoint(const char* name, int arguments, bpf_program* program) const {
    const bool usable = types_.tracepoint_arguments(name) >= arguments;
    bpf_program__set_autoload(program, usable);
    return usable;
  }
  void tell(MethodId id, bool usable, const std::string& hooks) {
    methods_.push_back(method(id, usable, usable ? hooks : "this kernel does not have all of " + hooks));
  }

 private:
  const KernelTypes& types_;
  std::vector<Method>& methods_;
};

}  // namespace

// Some programs do the same for older and newer kernels: one of them is loaded.
bool Trace::State::choose(const KernelTypes& types, bool with_iterator) {
  Choice choice(types, methods);
  auto& programs = skeleton->progs;
  receive = programs.observe_receive;
  transmit = programs.observe_transmit;
  bpf_program* other_receive = programs.observe_receive_plain;
  bpf_program* other_transmit = programs.observe_transmit_plain;
  if (!types.has_function("bpf_rdonly_cast")) {
    std::swap(receive, other_receive);
    std::swap(transmit, other_transmit);
  }
  bpf_program__set_autoload(other_receive, false);
  bpf_program__set_autoload(other_transmit, false);
  const bool receives = choice.at_tracepoint("netif_receive_skb", 1, receive);
  const bool sends = choice.at_tracepoint("net_dev_queue", 1, transmit);
  const bool completes = choice.at_tracepoint("inet_sock_set_state", 3, programs.observe_state);
  choice.tell(MethodId::handshakes, receives && sends && completes,
              "tracepoints netif_receive_skb, net_dev_queue, inet_sock_set_state");

  has_drop_reasons = choice.at_tracepoint("kfree_skb", 3, programs.observe_drop_reason);
  bpf_program__set_autoload(programs.observe_drop_plain,
                            !has_drop_reasons && types.tracepoint_arguments("kfree_skb") >= 2);
  choice.tell(MethodId::drops, has_drop_reasons, "tracepoint kfree_skb with a reason (Linux 5.17)");

  const bool receives_resets = choice.at_tracepoint("tcp_receive_reset", 1, programs.observe_receive_reset);
  has_reset_reasons = choice.at_tracepoint("tcp_send_reset", 3, programs.observe_send_reset_reason);
  const bool sends_resets = types.tracepoint_arguments("tcp_send_reset") >= 2;
  bpf_program__set_autoload(programs.observe_send_reset_plain, !has_reset_reasons && sends_resets);
  choice.tell(MethodId::resets, receives_resets && sends_resets, "tracepoints tcp_send_reset, tcp_receive_reset");
  choice.tell(MethodId::reset_reasons, has_reset_reasons, "tracepoint tcp_send_reset with a reason (Linux 6.10)");

  const bool data = choice.at_tracepoint("tcp_retransmit_skb", 2, programs.observe_retransmit);
  const bool synack = choice.at_tracepoint("tcp_retransmit_synack", 2, programs.observe_retransmit_synack);
  choice.tell(MethodId::retransmissions, data && synack, "tracepoints tcp_retransmit_skb, tcp_retransmit_synack");

  refusals.emplace(*skeleton, types);
  methods.push_back(refusals->told());

  const bool iterates = types.has_function("bpf_iter_tcp");
  has_iterator = iterates && with_iterator;
  bpf_program__set_autoload(programs.observe_listeners, has_iterator);
  bpf_program__set_autoattach(programs.observe_listeners, false);
  choice.tell(MethodId::iterator, has_iterator,
              iterates && !with_iterator ? "BPF iterator tcp that takes this program" : "BPF iterator tcp (Linux 5.9)");
  return receives;
}

Result<Trace> Trace::open(std::uint32_t netns) {
  libbpf_set_print(no_output);
  int failed = 0;
  // A kernel that has the iterator and refuses this one is no reason to see nothing at all.
  for (const bool with_iterator : {true, false}) {
    auto types = KernelTypes::read();
    if (!types) return unexpected(types.error());
    auto state = std::make_unique<State>();
    state->skeleton = observe_bpf::open();
    if (state->skeleton == nullptr) return unexpected(load_error(errno, "open"));
    observe_bpf& skeleton = *state->skeleton;
    if (!state->choose(*types, with_iterator)) {
      return unexpected(make_error(ErrorCode::unsupported, "observe", "netif_receive_skb",
                                   "this kernel's BTF has no such tracepoint"));
    }
    state->drop_reasons = types->enum_names("skb_drop_reason", "SKB_DROP_REASON_");
    state->reset_reasons = types->enum_names("sk_rst_reason", "SK_RST_REASON_");
    skeleton.rodata->settings.netns = netns;
    for (const auto& [value, word] : state->drop_reasons) {
      if (word == "QUEUE_PURGE") skeleton.rodata->settings.purge_reason = value;
    }
    *types = {};  // libbpf reads them again for itself: megabytes once, not twice
    failed = observe_bpf::load(state->skeleton);
    if (failed == 0) {
      state->link_iterator();
      return Trace(std::move(state));
    }
    if (failed == -EPERM || !state->has_iterator) break;
  }
  return unexpected(load_error(-failed, "load"));
}

Result<void> Trace::start() {
  state_->refusals->attach();
  const Method refusals = state_->refusals->told();
  std::replace_if(
      state_->methods.begin(), state_->methods.end(), [&](const Method& each) { return each.name == refusals.name; },
      refusals);
  // Packets are seen last of all: whatever befalls one that is seen is seen too, and so is who sends an RST.
  auto& links = state_->skeleton->links;
  bpf_program__set_autoattach(state_->transmit, false);
  bpf_program__set_autoattach(state_->receive, false);
  if (const int failed = observe_bpf::attach(state_->skeleton); failed != 0) {
    return unexpected(load_error(-failed, "attach"));
  }
  const bool sends = bpf_program__autoload(state_->transmit);
  if (sends) links.observe_transmit = bpf_program__attach(state_->transmit);
  if (sends && links.observe_transmit == nullptr) return unexpected(load_error(errno, "attach"));
  links.observe_receive = bpf_program__attach(state_->receive);
  if (links.observe_receive == nullptr) return unexpected(load_error(errno, "attach"));
  state_->started_ns = monotonic_ns();
  return {};
}

std::uint64_t Trace::drops_seen() const {
  return __atomic_load_n(&state_->skeleton->bss->drops_seen, __ATOMIC_RELAXED);
}

Result<MapRows<observe_drop_key, observe_drop>> Trace::drops_so_far() const {
  MapRows<observe_drop_key, observe_drop> rows;
  if (auto read = read_map(state_->skeleton->maps.drops, "drops", rows); !read) return unexpected(read.error());
  return rows;
}

Result<TraceRecord> Trace::stop() {
  const std::uint64_t ended_ns = monotonic_ns();
  observe_bpf::detach(state_->skeleton);
  auto record = read();
  if (record) record->ended_ns = ended_ns;
  return record;
}

Result<TraceRecord> Trace::next() {
  auto whole = read();
  if (!whole) return unexpected(whole.error());
  Outdated outdated;
  TraceRecord record = state_->rounds.next(*std::move(whole), outdated);
  const auto& maps = state_->skeleton->maps;
  forget(maps.flows, outdated.flows);
  forget(maps.services, outdated.services);
  forget(maps.drops, outdated.drops);
  forget(maps.resets, outdated.resets);
  forget(maps.retransmits, outdated.retransmits);
  forget(maps.sources, outdated.sources);
  forget(maps.icmp_errors, outdated.icmp_errors);
  return record;
}

void Trace::make_room() {
  MapRows<observe_flow_key, observe_flow> flows;
  const auto& map = state_->skeleton->maps.flows;
  if (!read_map(map, "flows", flows)) return;  // next() tells of it
  auto keys = crowding_out(flows, monotonic_ns());
  forget(map, keys);
}

Result<TraceRecord> Trace::read() const {
  TraceRecord record;
  record.started_ns = state_->started_ns;
  record.ended_ns = monotonic_ns();
  record.has_drop_reasons = state_->has_drop_reasons;
  record.has_reset_reasons = state_->has_reset_reasons;
  record.has_refused_syns = state_->refusals->sees_syns();
  record.has_refused_acks = state_->refusals->sees_acks();
  record.drop_reasons = state_->drop_reasons;
  record.reset_reasons = state_->reset_reasons;
  const auto& maps = state_->skeleton->maps;
  Result<void> read = read_map(maps.flows, "flows", record.flows);
  if (read) read = read_map(maps.services, "services", record.services);
  if (read) read = read_map(maps.drops, "drops", record.drops);
  if (read) read = read_map(maps.resets, "resets", record.resets);
  if (read) read = read_map(maps.retransmits, "retransmits", record.retransmits);
  if (read) read = read_map(maps.sources, "sources", record.sources);
  if (read) read = read_map(maps.icmp_errors, "icmp_errors", record.icmp_errors);
  if (!read) return unexpected(read.error());

  const int processors = libbpf_num_possible_cpus();
  std::vector<observe_lost> per_processor(processors > 0 ? static_cast<std::size_t>(processors) : 1);
  const std::uint32_t zero = 0;
  if (bpf_map_lookup_elem(bpf_map__fd(maps.lost), &zero, per_processor.data()) == 0) {
    for (const observe_lost& each : per_processor) {
      record.lost.flows += each.flows;
      record.lost.services += each.services;
      record.lost.drops += each.drops;
      record.lost.resets += each.resets;
      record.lost.retransmits += each.retransmits;
      record.lost.sources += each.sources;
      record.lost.icmp += each.icmp;
    }
  }
  return record;
}

const std::vector<Method>& Trace::methods() const {
  return state_->methods;
}

std::vector<ProgramCost> Trace::costs() const {
  std::vector<ProgramCost> costs;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, state_->skeleton->obj) {
    const int fd = bpf_program__fd(program);
    if (fd < 0) continue;
    bpf_prog_info info{};
    __u32 length = sizeof info;
    if (bpf_obj_get_info_by_fd(fd, &info, &length) != 0) continue;
    costs.push_back({bpf_program__name(program), info.run_cnt, info.run_time_ns});
  }
  return costs;
}

int Trace::listener_iterator() const {
  const bpf_link* link = state_->has_iterator ? state_->skeleton->links.observe_listeners : nullptr;
  return link == nullptr ? -1 : bpf_link__fd(link);
}

}  // namespace hostcheck::observe
