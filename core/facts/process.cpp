#include "core/facts/process.h"

namespace hostcheck::facts {

const TableInfo& Process::table() {
  static const TableInfo info =
      TableBuilder<Process>("processes", "Processes that own TCP or UDP sockets")
          .key<&Process::netns>("netns", "", "/proc/PID/fd, sock_diag", "Network namespace of the sockets")
          .key<&Process::pid>("pid", "", "/proc", "Process number, as hostcheck sees it")
          .column<&Process::process>("process", "", "/proc/PID/comm", "Name")
          .column<&Process::command>("command", "", "/proc/PID/cmdline", "Command line, at most 256 bytes")
          .column<&Process::uid>("uid", "", "owner of /proc/PID", "Effective user")
          .column<&Process::user>("user", "", "/etc/passwd", "That user's name; NULL where /etc/passwd has none")
          .column<&Process::state>(
              "state", "", "/proc/PID/stat",
              "R running, S asleep, D in uninterruptible wait, T stopped, t traced, Z dead, I idle")
          .column<&Process::threads>("threads", "threads", "/proc/PID/stat num_threads", "Threads")
          .counter<&Process::cpu_ms>("cpu_ms", "ms", "/proc/PID/stat utime and stime",
                                     "Processor time of all its threads")
          .column<&Process::fd_open>("fd_open", "descriptors", "/proc/PID/fd", "Open file descriptors")
          .column<&Process::fd_limit>("fd_limit", "descriptors", "RLIMIT_NOFILE, soft",
                                      "Descriptors it may have; NULL: unlimited")
          .column<&Process::fd_limit_hard>("fd_limit_hard", "descriptors", "RLIMIT_NOFILE, hard",
                                           "Limit up to which it may raise that itself; NULL: unlimited")
          .column<&Process::cgroup>("cgroup", "", "/proc/PID/cgroup", "Control group")
          .column<&Process::start_age_s>("start_age_s", "s", "/proc/PID/stat starttime", "Time since it was started")
          .column<&Process::sockets>(
              "sockets", "sockets", "/proc/PID/fd",
              "TCP and UDP sockets it holds in this namespace; only listeners where the query says listens = 1")
          .column<&Process::listens>("listens", "", "sock_diag", "Holds a listening TCP socket")
          .column<&Process::ports>("ports", "", "sock_diag", "TCP ports it listens on, \"80,443\"; NULL: none")
          .build();
  return info;
}

}  // namespace hostcheck::facts
