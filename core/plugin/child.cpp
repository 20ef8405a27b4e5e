#include "core/plugin/child.h"

#include <array>
#include <cerrno>
#include <cstddef>

#include <dlfcn.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/text.h"
#include "core/base/version.h"

namespace hostcheck::plugin {
namespace {

// Where the child keeps its descriptors; everything else is closed.
constexpr int kAnswer = 3;
constexpr int kLibrary = 4;

hostcheck_text text_of(std::string_view text) {
  return {text.data(), text.size()};
}

hostcheck_value value_of(const facts::Value& value) {
  const facts::Cell cell = facts::to_cell(value);
  hostcheck_value made{};
  switch (cell.kind) {
    case facts::Cell::Kind::null:
      made.kind = HOSTCHECK_NULL;
      break;
    case facts::Cell::Kind::integer:
      made.kind = HOSTCHECK_INTEGER;
      made.integer = cell.integer;
      break;
    case facts::Cell::Kind::real:
      made.kind = HOSTCHECK_REAL;
      made.real = cell.real;
      break;
    case facts::Cell::Kind::text:
      made.kind = HOSTCHECK_TEXT;
      made.text = text_of(cell.text);
      break;
  }
  return made;
}

std::uint32_t kind_of(facts::Type type) {
  return type == facts::Type::text ? HOSTCHECK_TEXT : type == facts::Type::real ? HOSTCHECK_REAL : HOSTCHECK_INTEGER;
}

// The job in the plugin's terms. Points into the job.
class Facts {
 public:
  explicit Facts(const Job& job) {
    for (const InputAnswer& each : job.inputs) add(each);
    for (const Check& check : job.plugin->checks) {
      for (const checks::Parameter& each : check.rule.params) {
        params_.push_back({text_of(each.name), value_of(each.value)});
      }
    }
    for (const Table& each : job.plugin->tables) add(each.info);
    for (const std::string& each : job.wanted) wanted_.push_back(text_of(each));
    input_ = {
        sizeof(hostcheck_input), HOSTCHECK_ABI,  text_of(version()), static_cast<std::uint64_t>(job.observed.count()),
        tables_.size(),          tables_.data(), params_.size(),     params_.data(),
        wanted_.size(),          wanted_.data(), own_.size(),        own_.data()};
  }
  [[nodiscard]] const hostcheck_input* input() const { return &input_; }

 private:
  void add(const InputAnswer& from) {
    auto& columns = columns_.emplace_back();
    for (const sql::AnswerColumn& each : from.answer.columns) columns.push_back(text_of(each.name));
    auto& cells = cells_.emplace_back();
    cells.reserve(from.answer.rows.size() * columns.size());
    for (const auto& row : from.answer.rows) {
      for (const facts::Value& each : row) cells.push_back(value_of(each));
    }
    tables_.push_back({text_of(from.name), from.answer.rows.size(), columns.size(), columns.data(), cells.data(),
                       text_of(from.absent)});
  }
  void add(const facts::TableInfo& from) {
    auto& columns = own_columns_.emplace_back();
    for (const facts::Column& each : from.columns) {
      columns.push_back({text_of(each.name), kind_of(each.type), each.key ? 1U : 0U, text_of(each.unit)});
    }
    own_.push_back({text_of(from.name), columns.size(), columns.data()});
  }
  std::vector<std::vector<hostcheck_text>> columns_;
  std::vector<std::vector<hostcheck_value>> cells_;
  std::vector<hostcheck_table> tables_;
  std::vector<hostcheck_field> params_;
  std::vector<hostcheck_text> wanted_;
  std::vector<std::vector<hostcheck_column>> own_columns_;
  std::vector<hostcheck_own_table> own_;
  hostcheck_input input_{};
};

void send(std::string& bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t size = ::write(kAnswer, bytes.data() + sent, bytes.size() - sent);
    if (size < 0 && errno != EINTR) ::_exit(1);
    if (size > 0) sent += static_cast<std::size_t>(size);
  }
  bytes.clear();
}

[[noreturn]] void fail(std::string_view how) {
  std::string bytes;
  write_text_frame(bytes, Frame::failed, is_clean_text(how) ? how.substr(0, 4000) : "words that are not UTF-8");
  send(bytes);
  ::_exit(1);
}

// context is the buffer of frames.
constexpr std::size_t kBuffered = 16UL << 10;
std::string& buffer_of(void* context) {
  return *static_cast<std::string*>(context);
}
void flush_full(std::string& buffer) {
  if (buffer.size() >= kBuffered) send(buffer);
}

hostcheck_output output_into(std::string& buffer) {
  hostcheck_output output{};
  output.size = sizeof(hostcheck_output);
  output.context = &buffer;
  output.finding = [](void* context, const hostcheck_finding* finding) {
    if (finding->size < sizeof(hostcheck_finding)) fail("handed over a finding of a smaller size than ABI 1 has");
    write_finding(buffer_of(context), *finding);
    flush_full(buffer_of(context));
  };
  output.unknown = [](void* context, hostcheck_text id, hostcheck_text reason) {
    write_unknown(buffer_of(context), id, reason);
    flush_full(buffer_of(context));
  };
  output.row = [](void* context, hostcheck_text table, std::uint64_t fields, const hostcheck_field* field) {
    write_row(buffer_of(context), table, fields, field);
    flush_full(buffer_of(context));
  };
  output.absent = [](void* context, hostcheck_text table, hostcheck_text reason) {
    write_absence(buffer_of(context), table, reason);
    flush_full(buffer_of(context));
  };
  output.probe = [](void* context, const hostcheck_probe* probe) {
    if (probe->size < sizeof(hostcheck_probe)) fail("asked for a probe of a smaller size than ABI 1 has");
    write_probe(buffer_of(context), *probe);
    flush_full(buffer_of(context));
  };
  return output;
}

// Only the descriptors that it needs, at fixed numbers; standard input is empty.
void arrange_descriptors(ChildPipes pipes) {
  // Out of the way of the numbers that they are to have.
  const int answer = ::fcntl(pipes.answer, F_DUPFD, 16);
  const int library = pipes.library < 0 ? -1 : ::fcntl(pipes.library, F_DUPFD, 16);
  const int words = ::fcntl(pipes.words, F_DUPFD, 16);
  int nothing = ::open("/dev/null", O_RDONLY);
  if (nothing < 0) nothing = ::memfd_create("nothing", 0);  // without a /dev
  if (answer < 0 || (pipes.library >= 0 && library < 0) || words < 0 || nothing < 0) ::_exit(1);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(words, STDOUT_FILENO);
  ::dup2(words, STDERR_FILENO);
  ::dup2(answer, kAnswer);
  if (library >= 0) ::dup2(library, kLibrary);
  ::syscall(SYS_close_range, library >= 0 ? kLibrary + 1 : kLibrary, ~0U, 0);
}

void reset_signals(const std::vector<int>& handled) {
  for (const int number : handled) ::signal(number, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

Entry load_entry(const Plugin& plugin) {
  static_assert(kLibrary == 4);
  // A symbol is looked for in the libraries that the plugin names before hostcheck's own, which are many and have none
  // of them; functions that it does not call are not looked for at all.
  int how = RTLD_LAZY | RTLD_LOCAL;
#ifndef __SANITIZE_ADDRESS__  // which refuses it
  how |= RTLD_DEEPBIND;
#endif
  void* library = ::dlopen(plugin.library.c_str(), how);
  // Of a folder that only root may enter: by the descriptor, which takes the kernel longer.
  if (library == nullptr) library = ::dlopen("/proc/self/fd/4", how);
  if (library == nullptr) {
    const char* why = ::dlerror();
    fail(fmt::format("cannot be loaded: {}", why == nullptr ? "unknown error" : why));
  }
  Entry entry = nullptr;
  *reinterpret_cast<void**>(&entry) = ::dlsym(library, "hostcheck_plugin_entry");
  if (entry == nullptr) fail("exports no hostcheck_plugin_entry()");
  return entry;
}

const hostcheck_plugin& load(const Plugin& plugin) {
  const Entry entry = plugin.entry == nullptr ? load_entry(plugin) : plugin.entry;
  const hostcheck_plugin* found = entry();
  if (found == nullptr) fail("hostcheck_plugin_entry() gave NULL");
  if (found->abi != HOSTCHECK_ABI) {
    fail(fmt::format("was built for plugin ABI {} (SDK {}); this is hostcheck {} with plugin ABI {}", found->abi,
                     found->sdk_version == nullptr ? "unknown" : found->sdk_version, version(), HOSTCHECK_ABI));
  }
  constexpr std::size_t kSmallest = offsetof(hostcheck_plugin, check) + sizeof(found->check);
  if (found->size < kSmallest) {
    fail(fmt::format("its descriptor has {} bytes, plugin ABI {} has {} at least", found->size, HOSTCHECK_ABI,
                     kSmallest));
  }
  if (found->name == nullptr || plugin.name != found->name) {
    fail(fmt::format("its code calls itself '{}', plugin.toml '{}'", found->name == nullptr ? "" : found->name,
                     plugin.name));
  }
  if (found->check == nullptr) fail("its descriptor has no check()");
  return *found;
}

}  // namespace

void run_child(const Job& job, ChildPipes pipes, const Parent& parent) {
  ::setpgid(0, 0);
  reset_signals(parent.handled_signals);
  arrange_descriptors(pipes);
  const Plugin& plugin = *job.plugin;
  const Confinement confinement{plugin.limits.time, parent.footprint, plugin.limits.memory_bytes, plugin.capabilities};
  // Where even the parent may not end it.
  ::alarm(static_cast<unsigned>((plugin.limits.time.count() + 999) / 1000 + 5));
  if (auto given = give_up_privileges(confinement, parent.pid); !given) fail(given.error().message());
  if (auto confined = allow_reading_files(kAnswer); !confined) fail(confined.error().message());
  const hostcheck_plugin& loaded = load(plugin);
  if (!plugin.reads_files) {
    if (auto confined = allow_no_files(); !confined) fail(confined.error().message());
  }
  const Facts facts(job);
  std::string buffer;
  const hostcheck_output output = output_into(buffer);
  const char* failure = nullptr;
  const int code = loaded.check(facts.input(), &output, &failure);
  if (code != 0) fail(fmt::format("gave up: {}", failure == nullptr ? fmt::format("code {}", code) : failure));
  write_text_frame(buffer, Frame::done, loaded.sdk_version == nullptr ? "" : loaded.sdk_version);
  send(buffer);
  ::_exit(0);
}

}  // namespace hostcheck::plugin
