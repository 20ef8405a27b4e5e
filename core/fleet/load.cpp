#include "core/fleet/load.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <filesystem>
#include <future>
#include <optional>
#include <set>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "core/base/unique_fd.h"

namespace hostcheck::fleet {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBatchBytes = 16UL << 20;  // of COPY text: a transaction of some tens of hosts
constexpr std::size_t kLargestReport = 512UL << 20;
constexpr std::string_view kSnapshotMagic("SQLite format 3\0", 16);

bool has_known_extension(const fs::path& path) {
  static const std::set<std::string> known = {".json", ".jsonl", ".ndjson", ".db", ".sqlite"};
  return known.contains(path.extension().string());
}

// The text of a file of reports; nullopt where it is a snapshot.
Result<std::optional<std::string>> read_text(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return unexpected(errno_error(errno, "read", path));
  std::string text;
  std::vector<char> buffer(64UL << 10);
  while (true) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unexpected(errno_error(errno, "read", path));
    if (got == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
    if (text.starts_with(kSnapshotMagic)) return std::nullopt;
    if (text.size() > kLargestReport) {
      return unexpected(make_error(ErrorCode::invalid, "read report", path,
                                   fmt::format("is larger than {} MiB", kLargestReport >> 20)));
    }
  }
}

// The reading side: makes batches of files. Used by one thread at a time.
class Source {
 public:
  Source(LoadedRuns loaded, const std::vector<std::string>& files, HostBy by, const LoadWatch& watch,
         LoadSummary& summary)
      : loaded_(std::move(loaded)), files_(files), by_(by), watch_(watch), summary_(summary) {}

  // The next hosts; none: there are no more.
  [[nodiscard]] std::optional<Batch> next() {
    Batch batch;
    std::set<std::string, std::less<>> hosts;
    std::size_t bytes = 0;
    while (bytes < kBatchBytes) {
      if (waiting_.empty()) {
        if (at_ == files_.size()) break;
        read_file(files_[at_++]);
        watch_.read(at_);
        continue;
      }
      // What takes the place of a row of the same batch has to wait for the next one.
      if (!hosts.insert(waiting_.front().run.head.host).second) break;
      bytes += bytes_of(waiting_.front().run.rows);
      add(batch, std::move(waiting_.front()));
      waiting_.pop_front();
    }
    if (batch.hosts == 0) return std::nullopt;
    return batch;
  }

 private:
  struct Waiting {
    RunRows run;
    bool replaces = false;
  };

  void read_file(const std::string& file) {
    const Wanted wanted = [this](RunHead& head) { return is_wanted(head); };
    const TakeRun take = [this](RunRows&& run) {
      LoadedRun& known = loaded_[run.head.host];
      const bool replaces = !known.started.empty();
      known = {run.head.started, run.head.snapshot, run.head.machine_id, run.head.file};
      ++(replaces ? summary_.replaced : summary_.added);
      waiting_.push_back({std::move(run), replaces});
    };
    const TakeError complain = [this](const Error& error) { fail(error); };
    auto text = read_text(file);
    if (!text) return fail(text.error());
    // A snapshot with another beginning is no report either; SQLite says what it is.
    const std::string extension = fs::path(file).extension().string();
    if (*text && extension != ".db" && extension != ".sqlite") {
      read_reports(file, **text, wanted, take, complain);
    } else {
      read_snapshot_file(file, wanted, take, complain);
    }
  }

  void fail(const Error& error) {
    ++summary_.failed;
    watch_.failed(error);
  }

  [[nodiscard]] bool is_wanted(RunHead& head) {
    if (by_ == HostBy::file) head.host = fs::path(head.file).stem().string();
    if (by_ == HostBy::machine_id) {
      if (head.machine_id.empty()) {
        fail(make_error(ErrorCode::invalid, "collect", head.file, "does not say the machine id of " + head.host));
        return false;
      }
      head.host = head.machine_id;
    }
    const auto known = loaded_.find(head.host);
    if (known == loaded_.end()) return true;
    const LoadedRun& loaded = known->second;
    if (!head.machine_id.empty() && !loaded.machine_id.empty() && head.machine_id != loaded.machine_id) {
      fail(make_error(
          ErrorCode::invalid, "collect", head.file,
          fmt::format("is of another machine {} than {} (machine id {}, not {}); --host-by tells them apart, "
                      "--forget {} makes room for this one",
                      head.host, loaded.file, head.machine_id, loaded.machine_id, head.host)));
      return false;
    }
    if (head.started < loaded.started) {
      ++summary_.older;
      watch_.skipped(fmt::format("{}: is of {}, and {} is loaded as of {} already", head.file, head.started, head.host,
                                 loaded.started));
      return false;
    }
    const bool more = head.started > loaded.started || (head.snapshot && !loaded.snapshot);
    if (!more) ++summary_.unchanged;
    return more;
  }

  void add(Batch& batch, Waiting waiting) {
    if (waiting.replaces) batch.replaced.push_back(waiting.run.head.host);
    for (auto& [statement, rows] : waiting.run.rows) {
      summary_.rows += rows.count();
      batch.rows[statement].append(rows);
    }
    std::move(waiting.run.foreign.begin(), waiting.run.foreign.end(), std::back_inserter(batch.foreign));
    ++batch.hosts;
  }

  LoadedRuns loaded_;
  const std::vector<std::string>& files_;
  HostBy by_;
  const LoadWatch& watch_;
  LoadSummary& summary_;
  std::size_t at_ = 0;
  std::deque<Waiting> waiting_;
};

}  // namespace

Found find_files(const std::vector<std::string>& paths) {
  Found found;
  for (const std::string& path : paths) {
    std::error_code error;
    if (!fs::is_directory(path, error)) {
      found.files.push_back(path);  // whether it is there is told when it is read
      continue;
    }
    std::vector<std::string> within;
    fs::recursive_directory_iterator each(path, error);
    for (; !error && each != fs::recursive_directory_iterator(); each.increment(error)) {
      std::error_code ignored;
      if (each->is_directory(ignored)) continue;
      if (has_known_extension(each->path())) {
        within.push_back(each->path().string());
      } else {
        ++found.left_out;
      }
    }
    if (error) found.errors.push_back(errno_error(error.value(), "read folder", path));
    std::sort(within.begin(), within.end());
    std::move(within.begin(), within.end(), std::back_inserter(found.files));
  }
  return found;
}

Result<LoadSummary> load(Store& store, const std::vector<std::string>& files, HostBy by, const LoadWatch& watch) {
  LoadSummary summary;
  Source source(store.loaded(), files, by, watch, summary);
  auto reading = std::async(std::launch::async, [&] { return source.next(); });
  while (true) {
    const std::optional<Batch> batch = reading.get();
    if (!batch) return summary;
    reading = std::async(std::launch::async, [&] { return source.next(); });
    if (auto put = store.put(*batch); !put) {
      reading.wait();
      return unexpected(put.error());
    }
  }
}

}  // namespace hostcheck::fleet
