#include "core/cli/watch.h"

#include <algorithm>

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "core/cli/console.h"

namespace hostcheck::cli {
namespace {

constexpr std::chrono::milliseconds kSlice{100};
constexpr std::chrono::milliseconds kSmallestReserve{300};

// A signal handler can reach nothing else.
volatile sig_atomic_t interrupt_seen = 0;  // NOLINT

void on_interrupt(int) {
  interrupt_seen = 1;
}

}  // namespace

Watch::Watch(Clock::time_point start, Clock::time_point deadline, bool progress)
    : start_(start), deadline_(deadline), progress_(progress && ::isatty(STDERR_FILENO) == 1) {
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  // Reads of the kernel go on; the second signal ends the process as it would have without a handler.
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  ::sigaction(SIGINT, &action, nullptr);
}

bool Watch::interrupted() {
  return interrupt_seen != 0;
}

void Watch::wait(std::chrono::milliseconds window, std::chrono::milliseconds every,
                 const std::function<void()>& tick) const {
  const auto slice = every.count() > 0 ? std::min(every, kSlice) : kSlice;
  const auto begin = Clock::now();
  // The second sample costs about as much as the first, and the checks come after it.
  const auto reserve = std::max<Clock::duration>(2 * (begin - start_), kSmallestReserve);
  const auto end = std::min(begin + window, deadline_ - reserve);
  while (!interrupted()) {
    const auto now = Clock::now();
    if (now >= end) break;
    if (progress_) {
      print_error(fmt::format("\r\x1b[Kwatching: {:.1f} of {:.1f} s (Ctrl-C ends it early)",
                              std::chrono::duration<double>(now - begin).count(),
                              std::chrono::duration<double>(end - begin).count()));
    }
    const auto rest = std::chrono::ceil<std::chrono::milliseconds>(end - now);
    ::poll(nullptr, 0, static_cast<int>(std::min(rest, slice).count()));
    if (tick) tick();
  }
  if (progress_) print_error("\r\x1b[K");
}

}  // namespace hostcheck::cli
