#include "core/observe/refusals.h"

#include <array>
#include <cerrno>
#include <cstdint>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <observe.skel.h>

#include "core/base/unique_fd.h"

namespace hostcheck::observe {
namespace {

Error trace_error(int error, const char* function) {
  constexpr int kNotSupported = 524;  // the kernel's own ENOTSUPP (include/linux/errno.h), which no C library names
  return errno_error(error == kNotSupported ? EOPNOTSUPP : error, "trace", function);
}

// Whether this kernel lets a program be loaded that runs when the function is entered; nothing is attached.
Result<void> may_trace(const KernelTypes& types, const char* function) {
  const std::uint32_t id = types.function_id(function);
  if (id == 0) return unexpected(make_error(ErrorCode::unsupported, "trace", function, "no such function in its BTF"));
  const std::array<bpf_insn, 2> nothing = {bpf_insn{BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0},
                                           bpf_insn{BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
  bpf_prog_load_opts options{};
  options.sz = sizeof options;
  options.expected_attach_type = BPF_TRACE_FENTRY;
  options.attach_btf_id = id;
  const UniqueFd loaded(
      bpf_prog_load(BPF_PROG_TYPE_TRACING, "hostcheck_may", "GPL", nothing.data(), nothing.size(), &options));
  if (!loaded.valid()) return unexpected(trace_error(errno, function));
  return {};
}

Result<void> attach_one(bpf_program* program, bpf_link** link, const char* function) {
  *link = bpf_program__attach(program);
  if (*link == nullptr) return unexpected(trace_error(errno, function));
  return {};
}

}  // namespace

RefusalPoints::RefusalPoints(observe_bpf& skeleton, const KernelTypes& types) {
  auto& programs = skeleton.progs;
  auto& links = skeleton.links;
  points_ = {{"tcp_conn_request", programs.observe_syn_enters, programs.observe_syn_leaves, &links.observe_syn_enters,
              &links.observe_syn_leaves},
             {"tcp_check_req", programs.observe_ack_enters, programs.observe_ack_leaves, &links.observe_ack_enters,
              &links.observe_ack_leaves},
             {"tcp_get_cookie_sock", programs.observe_cookie_enters, programs.observe_cookie_leaves,
              &links.observe_cookie_enters, &links.observe_cookie_leaves}};
  for (Point& point : points_) {
    point.usable = may_trace(types, point.function);
    for (bpf_program* program : {point.enters, point.leaves}) {
      bpf_program__set_autoload(program, point.usable.has_value());
      bpf_program__set_autoattach(program, false);
    }
  }
}

void RefusalPoints::attach() {
  for (Point& point : points_) {
    if (!point.usable) continue;
    // fexit first: it judges only what the fentry has noted.
    point.usable = attach_one(point.leaves, point.leaves_link, point.function);
    if (point.usable) point.usable = attach_one(point.enters, point.enters_link, point.function);
    if (point.usable) continue;
    bpf_link__destroy(*point.leaves_link);
    *point.leaves_link = nullptr;
  }
}

Method RefusalPoints::told() const {
  std::string traced;
  std::string why;
  for (const Point& point : points_) {
    if (point.usable) {
      traced += (traced.empty() ? "fentry and fexit of " : ", ") + std::string(point.function);
    } else if (why.empty()) {
      why = point.usable.error().message();
    }
  }
  if (!sees_syns()) return method(MethodId::refusals, false, why);
  return method(MethodId::refusals, true, traced + (why.empty() ? "" : "; not all: " + why));
}

}  // namespace hostcheck::observe
