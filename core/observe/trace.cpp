#include "core/observe/trace.h"

#include <cerrno>
#include <cstring>
#include <thread>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <observe.skel.h>
#include <time.h>

namespace hostcheck::observe {
namespace {

std::uint64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000ULL + static_cast<std::uint64_t>(now.tv_nsec);
}

struct BtfDeleter {
  void operator()(btf* types) const { btf__free(types); }
};
using BtfPointer = std::unique_ptr<btf, BtfDeleter>;

// How many arguments the tracepoint has in the running kernel, its context pointer not counted; -1 when there is no
// such tracepoint. The type is `typedef void (*btf_trace_NAME)(void *, ...)`.
int tracepoint_arguments(const btf* types, const std::string& name) {
  const int id = btf__find_by_name_kind(types, ("btf_trace_" + name).c_str(), BTF_KIND_TYPEDEF);
  if (id < 0) return -1;
  const btf_type* type = btf__type_by_id(types, static_cast<__u32>(id));
  type = btf__type_by_id(types, type->type);  // pointer
  if (type == nullptr || !btf_is_ptr(type)) return -1;
  type = btf__type_by_id(types, type->type);  // prototype
  if (type == nullptr || !btf_is_func_proto(type)) return -1;
  return static_cast<int>(btf_vlen(type)) - 1;
}

EnumNames enum_names(const btf* types, const char* name, const std::string& prefix) {
  EnumNames names;
  const int id = btf__find_by_name_kind(types, name, BTF_KIND_ENUM);
  if (id < 0) return names;
  const btf_type* type = btf__type_by_id(types, static_cast<__u32>(id));
  const struct btf_enum* values = btf_enum(type);
  for (int i = 0; i < btf_vlen(type); ++i) {
    std::string text = btf__name_by_offset(types, values[i].name_off);
    if (text.starts_with(prefix)) text.erase(0, prefix.size());
    names.emplace_back(static_cast<std::uint32_t>(values[i].val), std::move(text));
  }
  return names;
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

Error load_error(int error, std::string_view what) {
  Error result = errno_error(error, what, "BPF programs");
  if (error == EPERM || error == EACCES) result.code = ErrorCode::denied;
  return result;
}

}  // namespace

struct Trace::State {
  observe_bpf* skeleton = nullptr;
  std::vector<Method> methods;
  std::uint64_t started_ns = 0;
  bool has_drop_reasons = false;
  bool has_reset_reasons = false;
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

Result<Trace> Trace::open(std::uint32_t netns) {
  auto state = std::make_unique<State>();
  libbpf_set_print(no_output);
  BtfPointer types(btf__load_vmlinux_btf());
  if (types == nullptr) {
    return unexpected(make_error(ErrorCode::unsupported, "read", "/sys/kernel/btf/vmlinux", "the kernel has no BTF"));
  }
  state->skeleton = observe_bpf::open();
  if (state->skeleton == nullptr) return unexpected(load_error(errno, "open"));
  observe_bpf& skeleton = *state->skeleton;
  skeleton.rodata->settings.netns = netns;
  for (const auto& [value, word] : enum_names(types.get(), "skb_drop_reason", "SKB_DROP_REASON_")) {
    if (word == "QUEUE_PURGE") skeleton.rodata->settings.purge_reason = value;
  }

  const auto choose = [&](const char* tracepoint, bpf_program* program, int arguments, std::string_view method) {
    const int has = tracepoint_arguments(types.get(), tracepoint);
    const bool usable = has >= arguments;
    bpf_program__set_autoload(program, usable);
    if (!method.empty()) {
      state->methods.push_back({std::string(method), usable,
                                usable ? std::string("tracepoint ") + tracepoint
                                       : std::string("this kernel has no tracepoint ") + tracepoint});
    }
    return usable;
  };
  auto& programs = skeleton.progs;
  const bool receives = choose("netif_receive_skb", programs.observe_receive, 1, "handshake trace");
  choose("net_dev_queue", programs.observe_transmit, 1, {});
  choose("inet_sock_set_state", programs.observe_state, 3, {});
  state->has_drop_reasons = choose("kfree_skb", programs.observe_drop_reason, 3, "drop reasons");
  bpf_program__set_autoload(programs.observe_drop_plain,
                            !state->has_drop_reasons && tracepoint_arguments(types.get(), "kfree_skb") >= 2);
  state->has_reset_reasons = choose("tcp_send_reset", programs.observe_send_reset_reason, 3, "reset reasons");
  bpf_program__set_autoload(programs.observe_send_reset_plain,
                            !state->has_reset_reasons && tracepoint_arguments(types.get(), "tcp_send_reset") >= 2);
  choose("tcp_receive_reset", programs.observe_receive_reset, 1, {});
  choose("tcp_retransmit_skb", programs.observe_retransmit, 2, "retransmissions");
  choose("tcp_retransmit_synack", programs.observe_retransmit_synack, 2, {});
  if (!receives) {
    return unexpected(
        make_error(ErrorCode::unsupported, "observe", "netif_receive_skb", "this kernel's BTF has no such tracepoint"));
  }
  types.reset();  // loading reads them again: megabytes once, not twice
  if (const int failed = observe_bpf::load(state->skeleton); failed != 0)
    return unexpected(load_error(-failed, "load"));
  return Trace(std::move(state));
}

Result<void> Trace::start() {
  if (const int failed = observe_bpf::attach(state_->skeleton); failed != 0) {
    return unexpected(load_error(-failed, "attach"));
  }
  state_->started_ns = monotonic_ns();
  return {};
}

Result<TraceRecord> Trace::stop() {
  TraceRecord record;
  record.started_ns = state_->started_ns;
  record.ended_ns = monotonic_ns();
  record.has_drop_reasons = state_->has_drop_reasons;
  record.has_reset_reasons = state_->has_reset_reasons;
  observe_bpf::detach(state_->skeleton);
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

Result<EnumNames> kernel_enum(const char* name, const std::string& prefix) {
  const BtfPointer types(btf__load_vmlinux_btf());
  if (types == nullptr) {
    return unexpected(make_error(ErrorCode::unsupported, "read", "/sys/kernel/btf/vmlinux", "the kernel has no BTF"));
  }
  return enum_names(types.get(), name, prefix);
}

}  // namespace hostcheck::observe
