#include "core/plugin/sandbox.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>

#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/unique_fd.h"
#include "core/plugin/plugin.h"
#include "core/plugin/wire.h"

namespace hostcheck::plugin {
namespace {

// nobody and nogroup, as every distribution has them; they need not have names.
constexpr unsigned kNobody = 65534;

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "core/plugin/sandbox.cpp does not know the system call numbers of this architecture"
#endif

// Memory, clocks, its own signals, reading what is open.
constexpr int kComputing[] = {
    SYS_read,
    SYS_readv,
    SYS_pread64,
    SYS_write,
    SYS_writev,
    SYS_close,
    SYS_fstat,
    SYS_newfstatat,
    SYS_lseek,
    SYS_mmap,
    SYS_mprotect,
    SYS_munmap,
    SYS_mremap,
    SYS_madvise,
    SYS_brk,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sigaltstack,
    SYS_getpid,
    SYS_gettid,
    SYS_getppid,
    SYS_getuid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getegid,
    SYS_clock_gettime,
    SYS_clock_getres,
    SYS_clock_nanosleep,
    SYS_nanosleep,
    SYS_gettimeofday,
    SYS_futex,
    SYS_exit,
    SYS_exit_group,
    SYS_getrandom,
    SYS_sched_yield,
    SYS_restart_syscall,
    SYS_uname,
    SYS_sysinfo,
    SYS_getrusage,
    SYS_sched_getaffinity,
    SYS_membarrier,
    SYS_rseq,
    SYS_set_robust_list,
    SYS_getrlimit,
    SYS_times,
#ifdef SYS_time
    SYS_time,
#endif
#ifdef SYS_arch_prctl
    SYS_arch_prctl,
#endif
};

// Finding files and what they are.
constexpr int kLooking[] = {
    SYS_statx,      SYS_readlinkat, SYS_faccessat, SYS_getdents64, SYS_getcwd, SYS_fcntl, SYS_seccomp,
#ifdef SYS_stat
    SYS_stat,       SYS_lstat,      SYS_access,    SYS_readlink,
#endif
#ifdef SYS_faccessat2
    SYS_faccessat2,
#endif
};

constexpr int kOpening[] = {
    SYS_openat,
#ifdef SYS_open
    SYS_open,
#endif
};

// Any of them makes an open more than reading.
constexpr std::uint32_t kWriting = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND;

struct Name {
  long number;
  const char* text;
};
// Names for the calls that people try; others are told by their number.
constexpr Name kNames[] = {
#ifdef SYS_fork
    {SYS_fork, "fork"},
    {SYS_vfork, "vfork"},
    {SYS_open, "open a file"},
    {SYS_unlink, "unlink"},
    {SYS_rename, "rename"},
    {SYS_mkdir, "mkdir"},
    {SYS_chmod, "chmod"},
#endif
    {SYS_clone, "clone (a process or thread)"},
    {SYS_clone3, "clone3 (a process or thread)"},
    {SYS_execve, "execve"},
    {SYS_execveat, "execveat"},
    {SYS_socket, "socket"},
    {SYS_connect, "connect"},
    {SYS_sendto, "sendto"},
    {SYS_kill, "kill"},
    {SYS_tkill, "tkill"},
    {SYS_tgkill, "tgkill (another process)"},
    {SYS_ptrace, "ptrace"},
    {SYS_openat, "openat (a file)"},
    {SYS_unlinkat, "unlinkat"},
    {SYS_mount, "mount"},
    {SYS_setns, "setns"},
    {SYS_unshare, "unshare"},
    {SYS_bpf, "bpf"},
    {SYS_prctl, "prctl"},
    {SYS_setsid, "setsid"},
    {SYS_setpgid, "setpgid"},
    {SYS_memfd_create, "memfd_create"},
    {SYS_pipe2, "pipe2"},
    {SYS_dup3, "dup3"},
    {SYS_prlimit64, "prlimit64"},
    {SYS_ioctl, "ioctl"}};

using Filter = std::vector<sock_filter>;

constexpr std::uint32_t kNumberAt = offsetof(seccomp_data, nr);
constexpr std::uint32_t kArchAt = offsetof(seccomp_data, arch);
// The low half of an argument, on these little-endian machines.
constexpr std::uint32_t argument_at(unsigned index) {
  return static_cast<std::uint32_t>(offsetof(seccomp_data, args)) + index * 8;
}

void load(Filter& filter, std::uint32_t offset) {
  filter.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset));
}
void give(Filter& filter, std::uint32_t verdict) {
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, verdict));
}
// Goes on behind the next `skip` instructions unless the loaded value is it.
void unless_equal(Filter& filter, std::uint32_t value, unsigned char skip) {
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip));
}

// The verdict for each of these calls; others go on behind it. By halves: the kernel runs a new filter on every number
// that there is, and so does the process with every call.
void give_all(Filter& filter, std::initializer_list<std::span<const int>> lists, std::uint32_t verdict) {
  std::vector<std::uint32_t> numbers;
  for (const auto& list : lists) {
    for (const int each : list) numbers.push_back(static_cast<std::uint32_t>(each));
  }
  std::sort(numbers.begin(), numbers.end());
  // Places of jumps to the verdict and of those past it, until it is known where these are.
  std::vector<std::size_t> hits;
  std::vector<std::size_t> misses;
  constexpr std::size_t kFew = 3;
  const auto search = [&](const auto& self, std::size_t first, std::size_t last) -> void {
    if (last - first <= kFew) {
      for (std::size_t at = first; at < last; ++at) {
        hits.push_back(filter.size());
        filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, numbers[at], 0, 0));
      }
      misses.push_back(filter.size());
      filter.push_back(BPF_STMT(BPF_JMP | BPF_JA, 0));
      return;
    }
    const std::size_t middle = first + (last - first) / 2;
    const std::size_t branch = filter.size();
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, numbers[middle], 0, 0));
    self(self, first, middle);
    filter[branch].jt = static_cast<unsigned char>(filter.size() - branch - 1);
    self(self, middle, last);
  };
  search(search, 0, numbers.size());
  const std::size_t end = filter.size();
  for (const std::size_t each : hits) filter[each].jt = static_cast<unsigned char>(end - each - 1);
  for (const std::size_t each : misses) filter[each].k = static_cast<std::uint32_t>(end - each);
  give(filter, verdict);
}

// The call is allowed where the argument has none of these bits.
void allow_without(Filter& filter, long number, unsigned argument, std::uint32_t bits) {
  unless_equal(filter, static_cast<std::uint32_t>(number), 5);
  load(filter, argument_at(argument));
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 1, 0));
  give(filter, SECCOMP_RET_ALLOW);
  load(filter, kNumberAt);
  give(filter, SECCOMP_RET_TRAP);
}

Filter begin_filter() {
  Filter filter;
  filter.reserve(128);
  load(filter, kArchAt);
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0));
  give(filter, SECCOMP_RET_KILL_PROCESS);
  load(filter, kNumberAt);
  return filter;
}

Result<void> install(const Filter& filter) {
  const sock_fprog program{static_cast<unsigned short>(filter.size()), const_cast<sock_filter*>(filter.data())};
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) {
    return unexpected(errno_error(errno, "seccomp"));
  }
  return {};
}

// A signal handler can reach nothing else.
volatile int report_to = -1;  // NOLINT

void append(char*& at, const char* text) {
  const std::size_t size = std::strlen(text);
  std::memcpy(at, text, size);
  at += size;
}

// Async-signal-safe: says which call it was and ends the process.
void on_forbidden_call(int, siginfo_t* info, void*) {
  char payload[160];
  char* at = payload + sizeof(std::uint32_t);
  append(at, "made a system call that plugins may not: ");
  const char* name = nullptr;
  for (const Name& each : kNames) {
    if (each.number == info->si_syscall) name = each.text;
  }
  if (name != nullptr) {
    append(at, name);
  } else {
    char digits[12];
    char* digit = digits + sizeof(digits) - 1;
    *digit = '\0';
    for (unsigned left = static_cast<unsigned>(info->si_syscall); left > 0 || *digit == '\0'; left /= 10) {
      *--digit = static_cast<char>('0' + left % 10);
      if (left < 10) break;
    }
    append(at, "number ");
    append(at, digit);
  }
  const auto text_size = static_cast<std::uint32_t>(at - payload - static_cast<long>(sizeof(std::uint32_t)));
  std::memcpy(payload, &text_size, sizeof(text_size));
  const auto size = static_cast<std::uint32_t>(at - payload);
  char header[kFrameHeader];
  header[0] = static_cast<char>(Frame::failed);
  std::memcpy(header + 1, &size, sizeof(size));
  if (::write(report_to, header, sizeof(header)) < 0 || ::write(report_to, payload, size) < 0) ::_exit(1);
  ::_exit(1);
}

Result<void> limit(__rlimit_resource resource, rlim_t value) {
  struct rlimit bound {};
  if (::getrlimit(resource, &bound) != 0) return unexpected(errno_error(errno, "getrlimit"));
  bound.rlim_cur = bound.rlim_max = std::min(value, bound.rlim_max);
  if (::setrlimit(resource, &bound) != 0) return unexpected(errno_error(errno, "setrlimit"));
  return {};
}

Result<void> set_limits(const Confinement& confinement) {
  const auto seconds = static_cast<rlim_t>((confinement.time.count() + 999) / 1000 + 1);
  // RLIMIT_DATA counts private memory, which is what counts under a sanitizer's huge reservations too.
  const std::pair<__rlimit_resource, rlim_t> limits[] = {
      {RLIMIT_CPU, seconds},
      {RLIMIT_FSIZE, 0},
      {RLIMIT_CORE, 0},
      {RLIMIT_NOFILE, 64},
      {RLIMIT_MEMLOCK, 0},
      {RLIMIT_AS, confinement.before.address_space + confinement.memory_bytes},
      {RLIMIT_DATA, confinement.before.data + confinement.memory_bytes}};
  for (const auto& [resource, value] : limits) {
    if (auto set = limit(resource, value); !set) return set;
  }
  return {};
}

void keep_capabilities(const std::vector<std::string>& names) {
  std::array<__user_cap_data_struct, 2> data{};
  for (const std::string& each : names) {
    const auto number = static_cast<unsigned>(capability_number(each));
    data[number / 32].effective |= 1U << number % 32;
    data[number / 32].permitted |= 1U << number % 32;
  }
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  if (::syscall(SYS_capset, &header, data.data()) == 0) return;
  // Asked for more than the run itself has: then for none.
  data = {};
  ::syscall(SYS_capset, &header, data.data());
}

}  // namespace

Footprint present_footprint() {
  // size resident shared text lib data dt
  std::array<std::size_t, 7> pages{};
  char text[256];
  const UniqueFd statm(::open("/proc/self/statm", O_RDONLY | O_CLOEXEC));
  const ssize_t size = statm.valid() ? ::read(statm.get(), text, sizeof(text)) : 0;
  std::size_t field = 0;
  for (ssize_t at = 0; at < size && field < pages.size(); ++at) {
    if (text[at] >= '0' && text[at] <= '9') {
      pages[field] = pages[field] * 10 + static_cast<std::size_t>(text[at] - '0');
    } else {
      ++field;
    }
  }
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return {pages[0] * page, pages[5] * page};
}

void empty_bounding_set() {
  for (int number = 0;; ++number) {
    const int there = ::prctl(PR_CAPBSET_READ, number, 0, 0, 0);
    if (there < 0) return;
    // Fails without CAP_SETPCAP; then the process has none to lose that no_new_privs would let it gain.
    if (there == 1) ::prctl(PR_CAPBSET_DROP, number, 0, 0, 0);
  }
}

Result<void> give_up_privileges(const Confinement& confinement, int parent) {
  if (auto set = set_limits(confinement); !set) return set;
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return unexpected(errno_error(errno, "PR_SET_NO_NEW_PRIVS"));
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  ::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
  if (::geteuid() == 0 && ::setgroups(0, nullptr) == 0 && ::setresgid(kNobody, kNobody, kNobody) == 0 &&
      ::setresuid(kNobody, kNobody, kNobody) != 0) {
    return unexpected(errno_error(errno, "setresuid"));
  }
  keep_capabilities(confinement.capabilities);
  ::prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (::getppid() != parent) return unexpected(make_error(ErrorCode::vanished, "", "", "hostcheck ended meanwhile"));
  return {};
}

Result<void> allow_reading_files(int report_fd) {
  report_to = report_fd;
  struct sigaction action {};
  action.sa_sigaction = on_forbidden_call;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  if (::sigaction(SIGSYS, &action, nullptr) != 0) return unexpected(errno_error(errno, "sigaction"));
  Filter filter = begin_filter();
  give_all(filter, {kComputing, kLooking}, SECCOMP_RET_ALLOW);
  // abort(3) signals itself.
  unless_equal(filter, SYS_tgkill, 4);
  load(filter, argument_at(0));
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(::getpid()), 0, 1));
  give(filter, SECCOMP_RET_ALLOW);
  load(filter, kNumberAt);
  // stdio asks whether it writes to a terminal.
  unless_equal(filter, SYS_ioctl, 1);
  give(filter, SECCOMP_RET_ERRNO | ENOTTY);
  // The C library reads limits by it; changing them is refused quietly.
  unless_equal(filter, SYS_prlimit64, 1);
  give(filter, SECCOMP_RET_ERRNO | EPERM);
  allow_without(filter, SYS_openat, 2, kWriting);
#ifdef SYS_open
  allow_without(filter, SYS_open, 1, kWriting);
#endif
  give(filter, SECCOMP_RET_TRAP);
  return install(filter);
}

Result<void> allow_no_files() {
  // Every filter has its say, and the strictest verdict counts: this one only takes away what the other one has more.
  Filter filter = begin_filter();
  give_all(filter, {kLooking, kOpening}, SECCOMP_RET_TRAP);
  give(filter, SECCOMP_RET_ALLOW);
  return install(filter);
}

}  // namespace hostcheck::plugin
