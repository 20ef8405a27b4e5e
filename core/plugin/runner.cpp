#include "core/plugin/runner.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/text.h"
#include "core/base/unique_fd.h"
#include "core/base/units.h"
#include "core/plugin/child.h"

namespace hostcheck::plugin {
namespace {

using std::chrono::milliseconds;

// What a plugin may print; more is a flood. The first line goes into the reason when it fails.
constexpr std::size_t kWordsKept = 4UL << 10;
constexpr std::size_t kMostWords = 1UL << 20;
// For a child whose output was complete but lay in the pipe while the run was busy elsewhere.
constexpr milliseconds kGrace{50};

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return unexpected(errno_error(errno, "pipe2"));
  Pipe made{UniqueFd(ends[0]), UniqueFd(ends[1])};
  ::fcntl(made.read.get(), F_SETFL, O_NONBLOCK);
  return made;
}

// glibc joins the small pieces that were freed when a large one is asked for next. Done before the fork it is done
// once; done in the child it copies every page that has such a piece.
void settle_heap() {
  constexpr std::size_t kLarge = 64UL << 10;
  void* volatile piece = std::malloc(kLarge);  // NOLINT: for its effect alone
  std::free(piece);                            // NOLINT
}

// The first line that it printed, shortened and printable.
std::string first_line(std::string_view words) {
  std::string line;
  for (const char c : words.substr(0, words.find('\n'))) {
    if (line.size() >= 200) break;
    line += c >= ' ' && c <= '~' ? c : '?';
  }
  return line;
}

std::string ending_of(int status, const rusage& used, const Plugin& plugin) {
  if (WIFSIGNALED(status)) {
    const int number = WTERMSIG(status);
    if (number == SIGXCPU || number == SIGKILL) {
      const auto cpu = used.ru_utime.tv_sec * 1000 + used.ru_utime.tv_usec / 1000 + used.ru_stime.tv_sec * 1000 +
                       used.ru_stime.tv_usec / 1000;
      if (milliseconds(cpu) >= plugin.limits.time) return fmt::format("used {} ms of the processor", cpu);
    }
    // Its handler, which names the call, was blocked: pthread_create(3) does that.
    if (number == SIGSYS) return "made a system call that plugins may not, with all signals blocked (a thread?)";
    const char* name = ::sigabbrev_np(number);
    return fmt::format("was ended by signal SIG{}", name == nullptr ? std::to_string(number) : name);
  }
  return fmt::format("exited with status {} before it was done", WEXITSTATUS(status));
}

}  // namespace

struct Runner::Child {
  Job job;
  bool started = false;
  bool ended = false;
  pid_t pid = -1;
  Clock::time_point start;
  UniqueFd process;  // readable when it has ended
  UniqueFd answer;
  UniqueFd words;
  std::string said;
  std::string printed;
  std::size_t printed_bytes = 0;
  JobResult result;

  void kill() const {
    // Its group too, though it can have no children.
    ::kill(-pid, SIGKILL);
    ::kill(pid, SIGKILL);
  }
  void read_answer();
  void read_words();
  [[nodiscard]] bool runs() const { return started && !ended; }
  [[nodiscard]] bool has_ended() const {
    pollfd watched{process.get(), POLLIN, 0};
    return ::poll(&watched, 1, 0) == 1;
  }
  // Ends it with a reason of the parent's.
  void give_up(std::string why) {
    result.failed = std::move(why);
    result.said = {};
    kill();
    answer.reset();
    words.reset();
  }
  void reap();
};

void Runner::Child::read_answer() {
  char bytes[16UL << 10];
  while (answer.valid()) {
    const ssize_t size = ::read(answer.get(), bytes, sizeof(bytes));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return;  // EAGAIN
    if (size == 0) return answer.reset();
    said.append(bytes, static_cast<std::size_t>(size));
    if (said.size() > job.plugin->limits.output_bytes) {
      return give_up(fmt::format("floods: more than {} of findings and rows",
                                 human_bytes(static_cast<double>(job.plugin->limits.output_bytes))));
    }
  }
}

void Runner::Child::read_words() {
  char bytes[16UL << 10];
  while (words.valid()) {
    const ssize_t size = ::read(words.get(), bytes, sizeof(bytes));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return;
    if (size == 0) return words.reset();
    printed_bytes += static_cast<std::size_t>(size);
    if (printed.size() < kWordsKept) printed.append(bytes, static_cast<std::size_t>(size));
    if (printed_bytes > kMostWords) {
      return give_up(fmt::format("floods: printed more than {}", human_bytes(static_cast<double>(kMostWords))));
    }
  }
}

void Runner::Child::reap() {
  int status = 0;
  rusage used{};
  while (::wait4(pid, &status, 0, &used) < 0 && errno == EINTR) {
  }
  ended = true;
  result.duration = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
  result.peak_bytes = static_cast<std::size_t>(used.ru_maxrss) * 1024;
  if (!result.failed.empty()) return;
  auto frames = read_frames(said);
  if (!frames) {
    result.failed = "wrote rubbish: " + frames.error().detail;
  } else if (frames->failed) {
    result.failed = *frames->failed;
  } else if (!frames->done || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    result.failed = ending_of(status, used, *job.plugin);
  } else {
    result.said = *std::move(frames);
  }
  const std::string line = first_line(printed);
  if (!result.failed.empty() && !line.empty()) result.failed += fmt::format(" (it printed: {})", line);
}

Runner::Runner(Clock::time_point deadline, std::size_t at_once) : deadline_(deadline), at_once_(at_once) {}

void Runner::before_the_first() {
  if (!children_.empty()) return;
  // hostcheck runs no program, so it loses nothing by it; the children need not do it one by one.
  empty_bounding_set();
  handled_signals_.clear();
  for (int number = 1; number < NSIG; ++number) {
    struct sigaction action {};
    if (::sigaction(number, nullptr, &action) == 0 && action.sa_handler != SIG_DFL) handled_signals_.push_back(number);
  }
}

Runner::~Runner() {
  for (const auto& each : children_) {
    if (!each->runs()) continue;
    each->kill();
    each->reap();
  }
}

std::size_t Runner::running() const {
  return static_cast<std::size_t>(
      std::count_if(children_.begin(), children_.end(), [](const auto& each) { return each->runs(); }));
}

void Runner::start(Child& child) {
  child.started = true;
  child.start = Clock::now();
  const auto fail = [&](const std::string& why) {
    child.result.failed = why;
    child.ended = true;
  };
  if (child.start >= deadline_) return fail("--budget was used up before it could be started");
  UniqueFd library;
  if (child.job.plugin->entry == nullptr) {
    if (!loads_libraries()) return fail("this hostcheck is one file and loads no other: it has only its own plugins");
    library.reset(::open(child.job.plugin->library.c_str(), O_RDONLY | O_CLOEXEC));
    if (!library.valid()) return fail(errno_error(errno, "open", child.job.plugin->library).message());
  }
  auto answer = make_pipe();
  auto words = make_pipe();
  if (!answer || !words) return fail((answer ? words : answer).error().message());
  settle_heap();
  const Parent parent{::getpid(), present_footprint(), handled_signals_};
  const pid_t pid = ::fork();
  if (pid < 0) return fail(errno_error(errno, "fork").message());
  if (pid == 0) run_child(child.job, {library.get(), answer->write.get(), words->write.get()}, parent);
  ::setpgid(pid, pid);
  child.pid = pid;
  child.process = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!child.process.valid()) {
    child.result.failed = errno_error(errno, "pidfd_open").message();
    child.kill();
    child.reap();
    return;
  }
  child.answer = std::move(answer->read);
  child.words = std::move(words->read);
}

void Runner::start_waiting() {
  for (const auto& each : children_) {
    if (running() >= at_once_) return;
    if (!each->started) start(*each);
  }
}

void Runner::add(Job job) {
  before_the_first();
  auto child = std::make_unique<Child>();
  child->result.plugin = job.plugin;
  child->job = std::move(job);
  children_.push_back(std::move(child));
  start_waiting();
}

void Runner::step(milliseconds wait) {
  std::vector<pollfd> watched;
  for (const auto& each : children_) {
    if (!each->runs()) continue;
    watched.push_back({each->process.get(), POLLIN, 0});
    if (each->answer.valid()) watched.push_back({each->answer.get(), POLLIN, 0});
    if (each->words.valid()) watched.push_back({each->words.get(), POLLIN, 0});
  }
  ::poll(watched.data(), watched.size(), static_cast<int>(wait.count()));
  for (const auto& each : children_) {
    if (!each->runs()) continue;
    // Asked first: what it said before it ended is in the pipes then.
    const bool over = each->has_ended();
    each->read_words();
    each->read_answer();
    if (over) each->reap();
  }
  start_waiting();
}

void Runner::pump() {
  if (running() > 0) step(milliseconds{0});
}

std::vector<JobResult> Runner::finish() {
  const auto began = Clock::now();
  while (running() > 0) {
    auto next = deadline_;
    for (const auto& each : children_) {
      if (!each->runs() || !each->result.failed.empty()) continue;
      const auto end = std::max(each->start + each->job.plugin->limits.time, began + kGrace);
      if (Clock::now() >= std::min(end, deadline_) && !each->has_ended()) {
        each->give_up(Clock::now() >= deadline_ && end > deadline_
                          ? "was not done when --budget was used up"
                          : fmt::format("hangs: not done after {} ms", each->job.plugin->limits.time.count()));
      }
      next = std::min(next, end);
    }
    const auto left = std::chrono::ceil<milliseconds>(next - Clock::now());
    step(std::clamp(left, milliseconds{0}, milliseconds{1000}));
  }
  std::vector<JobResult> results;
  for (const auto& each : children_) {
    if (!each->started) each->result.failed = "--budget was used up before it could be started";
    results.push_back(std::move(each->result));
  }
  children_.clear();
  return results;
}

}  // namespace hostcheck::plugin
