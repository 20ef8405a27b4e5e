#include "core/cli/window.h"

#include <algorithm>

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "core/cli/console.h"

namespace hostcheck::cli {
namespace {

// How often the progress line is drawn; and how late an interrupt is seen that comes between two looks and not while
// waiting.
constexpr std::chrono::milliseconds kProgressEvery{100};
constexpr std::chrono::milliseconds kLookEvery{250};
constexpr std::chrono::milliseconds kSmallestReserve{300};

// A signal handler can reach nothing else.
volatile sig_atomic_t interrupt_seen = 0;  // NOLINT

void on_interrupt(int) {
  interrupt_seen = 1;
}

}  // namespace

Window::Window(Clock::time_point start, Clock::time_point deadline, bool progress)
    : start_(start), deadline_(deadline), progress_(progress && ::isatty(STDERR_FILENO) == 1) {
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  // Reads of the kernel go on; the second signal ends the process as it would have without a handler.
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  ::sigaction(SIGINT, &action, nullptr);
}

bool Window::interrupted() {
  return interrupt_seen != 0;
}

void Window::wait(std::chrono::milliseconds window, const conclude::Tick& tick) const {
  const auto slice = progress_ ? kProgressEvery : kLookEvery;
  const auto begin = Clock::now();
  auto next_tick = begin;
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
    auto rest = std::min<Clock::duration>(end - now, slice);
    if (tick) {
      if (now >= next_tick) next_tick = now + tick();
      rest = std::clamp<Clock::duration>(next_tick - Clock::now(), Clock::duration{0}, rest);
    }
    ::poll(nullptr, 0, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(rest).count()));
  }
  if (progress_) print_error("\r\x1b[K");
}

}  // namespace hostcheck::cli
