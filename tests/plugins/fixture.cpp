// One plugin for each way to misbehave; WAY_name says which this one is.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <dlfcn.h>
#include <fcntl.h>
#include <hostcheck/plugin.hpp>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

#ifdef WAY_fleet
// One code for a fleet's many plugins: each is called as the folder that it lies in.
std::string folder_name() {
  Dl_info found{};
  static const int place = 0;
  ::dladdr(&place, &found);
  std::string folder(found.dli_fname == nullptr ? "" : found.dli_fname);
  folder.erase(folder.rfind('/') == std::string::npos ? 0 : folder.rfind('/'));
  return folder.substr(folder.rfind('/') + 1);
}
const std::string& name() {
  static const std::string own = folder_name();
  return own;
}
#else
const std::string& name() {
  static const std::string own = WAY;
  return own;
}
#endif
std::string id() {
  return "hostcheck.fixture_" + name();
}

hostcheck::Finding finding(const hostcheck::Input& input) {
  struct Host {
    std::string_view name;
  };
  const auto hosts = input.rows<Host>("host", {{"name", &Host::name}});
  hostcheck::Finding made(id());
  made.subject("host", hosts.front().name)
      .summary("the fixture " + name() + " ran on " + std::string(hosts.front().name));
  made.evidence("level", input.integer("level_" + name()), "levels", "plugin.toml");
  return made;
}

// Not 0, which a sanitizer would catch before the processor does.
[[maybe_unused]] volatile std::uintptr_t nowhere = 16;
[[maybe_unused]] volatile std::uint64_t sink = 0;

// The pipe that the answer goes through is among the first descriptors.
[[maybe_unused]] void write_everywhere(const char* bytes, std::size_t size) {
  for (int fd = 3; fd < 6; ++fd) {
    if (::write(fd, bytes, size) < 0) continue;
  }
}

void misbehave([[maybe_unused]] const hostcheck::Input& input, [[maybe_unused]] hostcheck::Output& output) {
#if defined(WAY_crash)
  *reinterpret_cast<volatile int*>(nowhere) = 1;
#elif defined(WAY_abort)
  std::fputs("assertion failed: the fixture wants to abort\n", stderr);
  std::abort();
#elif defined(WAY_exit)
  ::_exit(0);
#elif defined(WAY_hang)
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
#elif defined(WAY_spin)
  for (;;) sink = sink + 1;
#elif defined(WAY_allocate)
  std::vector<char*> kept;
  for (;;) {
    char* block = static_cast<char*>(std::malloc(1 << 20));
    if (block == nullptr) throw std::runtime_error("malloc gave nothing");
    kept.push_back(block);
  }
#elif defined(WAY_map)
  for (;;) {
    void* block = ::mmap(nullptr, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) throw std::runtime_error("mmap gave nothing");
  }
#elif defined(WAY_fork)
  for (;;) ::fork();
#elif defined(WAY_thread)
  std::thread([] {}).join();
#elif defined(WAY_exec)
  char* const words[] = {nullptr};
  ::execve("/bin/true", words, words);
#elif defined(WAY_socket)
  ::socket(AF_INET, SOCK_STREAM, 0);
#elif defined(WAY_write_file)
  std::ofstream("/tmp/hostcheck-fixture") << "written";
#elif defined(WAY_open_file)
  std::ifstream("/proc/self/status");
#elif defined(WAY_signal_parent)
  ::kill(::getppid(), SIGTERM);
#elif defined(WAY_flood_findings)
  for (;;) output.add(finding(input));
#elif defined(WAY_flood_words)
  for (;;) std::puts("a fixture that talks and talks and talks and talks and talks and talks and talks");
#elif defined(WAY_rubbish)
  write_everywhere("this is no frame at all, but it is long enough to look like one", 63);
#elif defined(WAY_half_frame)
  write_everywhere("F\xff\xff\x00\x00", 5);
  ::_exit(0);
#elif defined(WAY_close_pipe)
  for (int fd = 3; fd < 64; ++fd) ::close(fd);
  for (;;) sink = sink + 1;
#elif defined(WAY_wrong_id)
  output.add(hostcheck::Finding("tcp.not_its_own").summary("a finding of another check"));
#elif defined(WAY_throws)
  static_cast<void>(input.integer("no_such_parameter"));
#elif defined(WAY_asks)
  // Suspects a next hop, has it asked for, and decides by the answer.
  struct Answer {
    std::string_view target, outcome;
  };
  const auto answers = input.rows<Answer>("answers", {{"target", &Answer::target}, {"outcome", &Answer::outcome}});
  hostcheck::Finding suspicion(id());
  suspicion.subject("host", "here")
      .status(answers.empty() ? hostcheck::Status::suspected : hostcheck::Status::confirmed);
  suspicion.summary(answers.empty() ? "not asked yet" : "it is " + std::string(answers.front().outcome));
  output.probe(id(), "gateway", input.text("target_asks"), input.text("netns_asks"));
  if (answers.empty() || answers.front().outcome == "silent") output.add(suspicion);
  return;
#elif defined(WAY_wrong_table)
  output.row("fixtures", {{"level", 1}});
#elif defined(WAY_wrong_column)
  output.row("fixtures_wrong_column", {{"levels", 1}});
#elif defined(WAY_wrong_type)
  output.row("fixtures_wrong_type", {{"level", "three"}});
#elif defined(WAY_partial)
  output.absent("fixtures_partial", "the other half was out of sight");
#elif defined(WAY_root_file)
  std::ifstream shadow("/etc/shadow");
  throw std::runtime_error(shadow ? "could open /etc/shadow" : "could not open it");
#endif
  output.add(finding(input));
  if (!input.brings("fixtures_" + name())) throw std::runtime_error("hostcheck does not know its table");
  output.row("fixtures_" + name(), {{"way", WAY}, {"level", input.integer("level_" + name())}, {"share", 40}});
}

#ifdef WAY_other_name
[[maybe_unused]] const char* told_name() {
  return "somebody_else";
}
#else
[[maybe_unused]] const char* told_name() {
  return name().c_str();
}
#endif

int check(const hostcheck_input* input, const hostcheck_output* output, const char** failure) {
  return hostcheck::guarded(&misbehave, input, output, failure);
}

}  // namespace

#ifndef WAY_no_entry
extern "C" __attribute__((visibility("default"))) const hostcheck_plugin* hostcheck_plugin_entry() {
#if defined(WAY_other_abi)
  static const hostcheck_plugin descriptor = {HOSTCHECK_ABI + 41, sizeof(hostcheck_plugin), told_name(), "9.9.9",
                                              &check};
#elif defined(WAY_small_descriptor)
  static const hostcheck_plugin descriptor = {HOSTCHECK_ABI, 8, told_name(), HOSTCHECK_SDK_VERSION, &check};
#else
  static const hostcheck_plugin descriptor = {HOSTCHECK_ABI, sizeof(hostcheck_plugin), told_name(),
                                              HOSTCHECK_SDK_VERSION, &check};
#endif
  return &descriptor;
}
#else
extern "C" __attribute__((visibility("default"))) int nothing_of_use() {
  return check(nullptr, nullptr, nullptr);
}
#endif
