#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <unistd.h>

#include "core/base/text.h"
#include "core/base/units.h"
#include "core/cli/answer.h"
#include "core/cli/command_spec.h"
#include "core/cli/commands.h"
#include "core/cli/console.h"
#include "core/cli/exit_status.h"
#include "core/fleet/load.h"
#include "core/fleet/schema.h"

namespace hostcheck::cli {
namespace {

namespace fs = std::filesystem;

// So that `psql -f` finds the tables; --schema replaces it.
constexpr std::string_view kSearchPath = "SET search_path = hostcheck;\n";
constexpr std::size_t kMostSkipped = 10;  // told one by one

// PREFIX/share/hostcheck/queries of where the program is installed, or hostcheck-queries beside it in a build tree.
Result<std::string> read_query(const std::string& name) {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (error) return unexpected(errno_error(error.value(), "read link", "/proc/self/exe"));
  const fs::path folder = program.parent_path();
  const fs::path installed = folder.parent_path() / "share/hostcheck/queries";
  for (const fs::path& candidate : {installed, folder / "hostcheck-queries"}) {
    std::ifstream file(candidate / (name + ".sql"));
    if (!file) continue;
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  return unexpected(
      make_error(ErrorCode::vanished, "find query", (installed / (name + ".sql")).string(), "no such file"));
}

// The first line of a query's file, which says what it answers.
std::string title_of(const std::string& sql) {
  const std::string_view line = split_lines(sql).empty() ? std::string_view{} : split_lines(sql).front();
  return std::string(trim(line.substr(std::min<std::size_t>(line.size(), 2))));
}

int list_queries() {
  std::string out;
  for (const std::string& name : collect_queries()) {
    auto sql = read_query(name);
    if (!sql) return fail(sql.error());
    out += fmt::format("{:16}  {}\n", name, title_of(*sql));
  }
  return print(out) ? kExitOk : kExitUnknown;
}

// One line on a terminal's standard error that is written over.
class Progress {
 public:
  Progress(std::size_t files, bool wanted)
      : files_(files), shown_(wanted && files > 1 && ::isatty(STDERR_FILENO) == 1) {}
  void update(std::size_t done) {
    const auto now = std::chrono::steady_clock::now();
    if (!shown_ || (done != files_ && now - last_ < std::chrono::milliseconds(100))) return;
    last_ = now;
    print_error(fmt::format("\r{} of {} files", done, files_));
    open_ = true;
  }
  // Before anything else is written.
  void clear() {
    if (open_) print_error("\r\x1b[K");
    open_ = false;
  }

 private:
  std::size_t files_;
  bool shown_;
  bool open_ = false;
  std::chrono::steady_clock::time_point last_;
};

fleet::HostBy host_by(const std::string& name) {
  if (name == "machine-id") return fleet::HostBy::machine_id;
  return name == "file" ? fleet::HostBy::file : fleet::HostBy::name;
}

std::string counted(std::size_t number, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", number, number == 1 ? one : many);
}

std::string summary_line(const fleet::LoadSummary& summary, std::size_t left_out, std::chrono::milliseconds took) {
  std::string line = counted(summary.added + summary.replaced, "host", "hosts") + " loaded";
  if (summary.replaced != 0) line += fmt::format(", {} of them in place of an earlier run", summary.replaced);
  if (summary.unchanged != 0) line += fmt::format("; {} loaded already", summary.unchanged);
  if (summary.older != 0) line += fmt::format("; {} older than what is loaded", summary.older);
  if (summary.failed != 0) line += fmt::format("; {} not taken", summary.failed);
  if (left_out != 0) line += "; " + counted(left_out, "other file", "other files") + " left alone";
  return fmt::format("{}; {} in {:.1f} s\n", line, counted(summary.rows, "row", "rows"),
                     static_cast<double>(took.count()) / 1000);
}

// What is told while files are read, and at the end.
Result<fleet::LoadSummary> load_files(fleet::Store& store, const fleet::Found& found, const CollectOptions& options) {
  Progress progress(found.files.size(), !options.quiet);
  std::size_t skipped = 0;
  fleet::LoadWatch watch;
  watch.failed = [&](const Error& error) {
    progress.clear();
    complain(error.message());
  };
  watch.skipped = [&](const std::string& words) {
    if (options.quiet || ++skipped > kMostSkipped) return;
    progress.clear();
    complain(words);
  };
  watch.read = [&](std::size_t done) { progress.update(done); };
  auto summary = fleet::load(store, found.files, host_by(options.host_by), watch);
  progress.clear();
  if (skipped > kMostSkipped) complain(fmt::format("and {} older ones more", skipped - kMostSkipped));
  return summary;
}

int load_paths(fleet::Store& store, const CollectOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  const fleet::Found found = fleet::find_files(options.paths);
  for (const Error& error : found.errors) complain(error.message());
  if (found.files.empty()) {
    complain("no report and no snapshot there: *.json, *.jsonl, *.ndjson, *.db, *.sqlite");
    return kExitWarning;
  }
  auto summary = load_files(store, found, options);
  if (!summary) return fail(summary.error());
  const std::size_t changed = summary->added + summary->replaced;
  // One host more in a large fleet is nothing that the planner has to know at once.
  if (changed * 10 > store.loaded().size()) {
    if (auto analyzed = store.analyze(); !analyzed) return fail(analyzed.error());
  }
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
  if (!options.quiet && !print(summary_line(*summary, found.left_out, took))) return kExitUnknown;
  return summary->failed == 0 && found.errors.empty() ? kExitOk : kExitWarning;
}

int forget_hosts(fleet::Store& store, const CollectOptions& options) {
  int status = kExitOk;
  for (const std::string& host : options.forget) {
    const auto forgotten = store.forget(host);
    if (!forgotten) return fail(forgotten.error());
    if (*forgotten != 0) continue;
    complain("--forget " + host + ": no such host is loaded");
    status = kExitWarning;
  }
  return status;
}

// In a connection of its own, which waits for nobody who loads.
int answer_queries(const CollectOptions& options) {
  auto database = fleet::Postgres::connect(options.to);
  if (!database) return fail(database.error());
  if (auto set = database->run("SET search_path = " + fleet::quoted_name(options.schema)); !set)
    return fail(set.error());
  for (const std::string& name : options.queries) {
    auto sql = read_query(name);
    if (!sql) return fail(sql.error());
    if (const auto at = sql->find(kSearchPath); at != std::string::npos) sql->erase(at, kSearchPath.size());
    const auto answer = database->ask(*sql);
    if (!answer) return fail(answer.error());
    const std::string text = options.format == "json"  ? answer_as_json(*answer)
                             : options.format == "csv" ? answer_as_csv(*answer)
                                                       : answer_as_table(*answer);
    if (!print(text)) return kExitUnknown;
  }
  return kExitOk;
}

int change(const CollectOptions& options) {
  auto database = fleet::Postgres::connect(options.to);
  if (!database) return fail(database.error());
  auto store = fleet::Store::open(std::move(*database), options.schema,
                                  [] { complain("waits for another collect into the same schema"); });
  if (!store) return fail(store.error());
  const int forgotten = forget_hosts(*store, options);
  if (forgotten > kExitWarning || options.paths.empty()) return forgotten;
  return std::max(forgotten, load_paths(*store, options));
}

}  // namespace

int collect(const CollectOptions& options) {
  if (options.print_schema) return print(fleet::create_schema(options.schema)) ? kExitOk : kExitUnknown;
  if (options.list) return list_queries();
  const bool changes = !options.paths.empty() || !options.forget.empty();
  const int status = changes ? change(options) : kExitOk;
  if (status > kExitWarning || options.queries.empty()) return status;
  return std::max(status, answer_queries(options));
}

}  // namespace hostcheck::cli
