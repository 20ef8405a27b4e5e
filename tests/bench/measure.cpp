// Runs a command several times and prints of each run: microseconds from start to end, of them
// microseconds on a processor, peak resident KiB, exit status.
//   measure REPEATS COMMAND [ARGUMENT]...
// The command's output goes to /dev/null. A small program of its own, since what starts a process has a part in that
// process's peak memory: the benchmark's interpreter would be counted.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: measure REPEATS COMMAND [ARGUMENT]...\n");
    return 64;
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  const int repeats = std::atoi(argv[1]);
  for (int repeat = 0; repeat < repeats; ++repeat) {
    const auto start = std::chrono::steady_clock::now();
    pid_t child = 0;
    if (const int error = posix_spawnp(&child, argv[2], &actions, nullptr, argv + 2, environ); error != 0) {
      std::fprintf(stderr, "measure: %s: %s\n", argv[2], std::strerror(error));
      return 3;
    }
    int status = 0;
    rusage usage{};
    if (wait4(child, &status, 0, &usage) != child) {
      std::perror("measure: wait4");
      return 3;
    }
    const auto span = std::chrono::steady_clock::now() - start;
    const long busy_us =
        (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000L + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
    std::printf("%ld %ld %ld %d\n",
                static_cast<long>(std::chrono::duration_cast<std::chrono::microseconds>(span).count()), busy_us,
                usage.ru_maxrss, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  }
  posix_spawn_file_actions_destroy(&actions);
  return 0;
}
