#include "core/kernel/process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/number_index.h"
#include "core/base/text.h"
#include "core/base/unique_fd.h"

namespace hostcheck::kernel {
namespace {

constexpr std::size_t kCommandBytes = 256;

std::string in_proc(std::uint32_t pid, std::string_view name) {
  std::string path = "/proc/" + std::to_string(pid);
  path += name;
  return path;
}

std::string printable(std::string_view text) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (const char each : text) {
    const auto byte = static_cast<unsigned char>(each);
    if (byte >= 0x20 && byte < 0x7f) {
      out += each;
    } else {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

// struct linux_dirent64 of getdents64(2).
struct DirectoryEntry {
  std::uint64_t inode;
  std::int64_t next;
  std::uint16_t length;
  std::uint8_t type;
  char name[1];
};

// The number in "socket:[123]"; 0 for any other text.
std::uint32_t socket_inode(std::string_view link) {
  constexpr std::string_view kStart = "socket:[";
  if (!link.starts_with(kStart) || !link.ends_with(']')) return 0;
  return parse_number<std::uint32_t>(link.substr(kStart.size(), link.size() - kStart.size() - 1)).value_or(0);
}

struct Candidate {
  std::uint32_t pid = 0;
  std::int64_t position = 0;  // where to go on in its folder of descriptors
  bool done = false;
};

class Search {
 public:
  Search(const FileTree& files, const HolderSearch& wanted)
      : files_(files), wanted_(wanted), index_(wanted.inodes), seen_(wanted.inodes.size()) {
    found_.not_found = static_cast<std::uint32_t>(wanted.inodes.size());
  }

  Result<HoldersFound> run() {
    if (auto listed = list_candidates(); !listed) return unexpected(listed.error());
    look(inside_, kRounds.size(), wanted_.more_descriptors);
    // A descriptor can be handed to a process that lives in another namespace.
    if (found_.not_found > 0) {
      left_ = wanted_.most_foreign;
      look(outside_, 1, 0);
    }
    const auto unfinished = [](const Candidate& each) { return !each.done; };
    found_.cut_short = found_.not_found > 0 && (std::any_of(inside_.begin(), inside_.end(), unfinished) ||
                                                std::any_of(outside_.begin(), outside_.end(), unfinished));
    std::sort(found_.holdings.begin(), found_.holdings.end());
    found_.holdings.erase(std::unique(found_.holdings.begin(), found_.holdings.end()), found_.holdings.end());
    return std::move(found_);
  }

 private:
  Result<void> list_candidates() {
    const auto names = files_.list("/proc");
    if (!names) return unexpected(names.error());
    const std::string netns = "net:[" + std::to_string(wanted_.netns_inode) + "]";
    std::vector<std::uint32_t> pids;
    for (const std::string& name : *names) {
      if (const auto pid = parse_number<std::uint32_t>(name)) pids.push_back(*pid);
    }
    std::sort(pids.begin(), pids.end());
    std::array<char, 64> link{};
    for (const std::uint32_t pid : pids) {
      const ssize_t got = ::readlink(files_.real_path(in_proc(pid, "/ns/net")).c_str(), link.data(), link.size());
      if (got < 0) {
        if (errno == EACCES || errno == EPERM) ++found_.unreadable;
        continue;
      }
      const bool inside = std::string_view(link.data(), static_cast<std::size_t>(got)) == netns;
      (inside ? inside_ : outside_).push_back({pid, 0, false});
    }
    return {};
  }

  [[nodiscard]] bool enough() const { return wanted_.extent == SearchExtent::until_found && found_.not_found == 0; }

  static constexpr std::array<std::size_t, 4> kRounds = {64, 512, 4096, static_cast<std::size_t>(-1)};

  // after_first: how many descriptors to look at after the first round.
  void look(std::vector<Candidate>& candidates, std::size_t rounds, std::size_t after_first) {
    const bool everything = wanted_.extent == SearchExtent::everything && rounds == kRounds.size();
    for (std::size_t round = 0; round < rounds; ++round) {
      for (Candidate& each : candidates) {
        if (enough() || left_ == 0) return;
        if (!each.done) look_into(each, everything ? kRounds.back() : kRounds[round]);
      }
      if (found_.not_found == 0 && !everything) return;
      if (round == 0) left_ = after_first;
    }
  }

  // Up to limit descriptors from where the last look ended.
  void look_into(Candidate& candidate, std::size_t limit) {
    const UniqueFd folder(
        ::open(files_.real_path(in_proc(candidate.pid, "/fd")).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    candidate.done = true;
    if (!folder.valid()) {
      if (errno == EACCES || errno == EPERM) ++found_.unreadable;
      return;
    }
    if (candidate.position != 0 && ::lseek(folder.get(), candidate.position, SEEK_SET) < 0) return;
    alignas(DirectoryEntry) std::array<char, 16384> buffer;
    // A full buffer of entries costs the kernel an inode each: do not ask for more than the round wants.
    const std::size_t room = std::min(buffer.size(), std::max<std::size_t>(limit, 64) * 24);
    for (std::size_t read = 0; read < limit;) {
      const long got = ::syscall(SYS_getdents64, folder.get(), buffer.data(), room);
      if (got < 0 && (errno == EACCES || errno == EPERM)) ++found_.unreadable;
      if (got <= 0) return;
      for (long at = 0; at < got;) {
        const auto* entry = reinterpret_cast<const DirectoryEntry*>(buffer.data() + at);
        at += entry->length;
        candidate.position = entry->next;
        if (entry->name[0] == '.') continue;
        if (left_ == 0) {
          candidate.done = false;
          return;
        }
        --left_;
        ++read;
        if (!look_at(folder.get(), entry->name, candidate.pid)) return;
        if (enough()) return;
      }
    }
    candidate.done = false;
  }

  // false: the process must not be looked at (denied) or is gone.
  bool look_at(int folder, const char* name, std::uint32_t pid) {
    std::array<char, 64> link{};
    const ssize_t got = ::readlinkat(folder, name, link.data(), link.size());
    if (got < 0) {
      if (errno != EACCES && errno != EPERM) return errno == ENOENT;  // ENOENT: closed meanwhile
      ++found_.unreadable;
      return false;
    }
    const std::uint32_t inode = socket_inode({link.data(), static_cast<std::size_t>(got)});
    const std::size_t position = index_.find(inode);
    if (position == NumberIndex::kNone) return true;
    if (!seen_[position]) {
      seen_[position] = true;
      --found_.not_found;
    }
    found_.holdings.push_back({pid, static_cast<std::uint32_t>(position)});
    return true;
  }

  const FileTree& files_;
  const HolderSearch& wanted_;
  NumberIndex index_;
  std::vector<bool> seen_;
  std::vector<Candidate> inside_;
  std::vector<Candidate> outside_;
  std::size_t left_ = static_cast<std::size_t>(-1);  // descriptors that may still be looked at
  HoldersFound found_;
};

// The rest of the first line that starts with this; "" where none does.
std::string_view line_after(std::string_view text, std::string_view start) {
  for (const std::string_view line : split_lines(text)) {
    if (line.starts_with(start)) return line.substr(start.size());
  }
  return {};
}

Error malformed(const std::string& path) {
  return make_error(ErrorCode::failed, "parse", path, "not as expected");
}

}  // namespace

Result<HoldersFound> find_holders(const FileTree& files, const HolderSearch& search) {
  return Search(files, search).run();
}

bool in_nested_pid_namespace() {
  constexpr ino_t kFirstPidNamespace = 0xeffffffc;  // include/linux/proc_ns.h PROC_PID_INIT_INO
  struct stat status {};
  return ::stat("/proc/self/ns/pid", &status) == 0 && status.st_ino != kFirstPidNamespace;
}

std::string process_name(const FileTree& files, std::uint32_t pid) {
  const auto text = files.read(in_proc(pid, "/comm"));
  if (!text) return {};
  std::string_view name = *text;
  if (name.ends_with('\n')) name.remove_suffix(1);
  return printable(name);
}

std::string process_command(const FileTree& files, std::uint32_t pid) {
  const auto text = files.read(in_proc(pid, "/cmdline"));
  if (!text) return {};
  std::string command = text->substr(0, kCommandBytes);
  while (!command.empty() && command.back() == '\0') command.pop_back();
  std::replace(command.begin(), command.end(), '\0', ' ');
  command = printable(command);
  if (command.size() > kCommandBytes) command.resize(kCommandBytes);
  return command;
}

std::string process_cgroup(const FileTree& files, std::uint32_t pid) {
  const auto text = files.read(in_proc(pid, "/cgroup"));
  if (!text) return {};
  std::string_view path = line_after(*text, "0::");
  if (path.empty()) {
    for (const std::string_view line : split_lines(*text)) {
      constexpr std::string_view kSystemd = ":name=systemd:";
      if (const auto at = line.find(kSystemd); at != std::string_view::npos) path = line.substr(at + kSystemd.size());
    }
  }
  return printable(path);
}

Result<ProcessStat> process_stat(const FileTree& files, std::uint32_t pid) {
  const std::string path = in_proc(pid, "/stat");
  const auto text = files.read(path);
  if (!text) return unexpected(text.error());
  // The name in parentheses may hold anything, blanks and parentheses too; what follows it is fields 3 and on of
  // proc(5).
  const auto end = text->rfind(')');
  if (end == std::string::npos) return unexpected(malformed(path));
  const auto fields = split_fields(trim(std::string_view(*text).substr(end + 1)));
  if (fields.size() < 20 || fields[0].size() != 1) return unexpected(malformed(path));
  const auto threads = parse_number<std::uint32_t>(fields[17]);
  const auto start = parse_number<std::uint64_t>(fields[19]);
  const auto user = parse_number<std::uint64_t>(fields[11]);
  const auto system = parse_number<std::uint64_t>(fields[12]);
  if (!threads || !start || !user || !system) return unexpected(malformed(path));
  return ProcessStat{fields[0][0], *threads, *start, *user + *system};
}

Result<std::uint32_t> process_uid(const FileTree& files, std::uint32_t pid) {
  const std::string path = in_proc(pid, "/status");
  const auto text = files.read(path);
  if (!text) return unexpected(text.error());
  const auto ids = split_fields(line_after(*text, "Uid:"));
  const auto uid = ids.size() < 2 ? std::nullopt : parse_number<std::uint32_t>(ids[1]);
  if (!uid) return unexpected(malformed(path));
  return *uid;
}

Result<DescriptorLimits> process_descriptor_limits(const FileTree& files, std::uint32_t pid) {
  const std::string path = in_proc(pid, "/limits");
  const auto text = files.read(path);
  if (!text) return unexpected(text.error());
  const auto fields = split_fields(line_after(*text, "Max open files"));
  if (fields.size() < 2) return unexpected(malformed(path));
  return DescriptorLimits{parse_number<std::uint64_t>(fields[0]), parse_number<std::uint64_t>(fields[1])};
}

Result<std::uint64_t> process_descriptors(const FileTree& files, std::uint32_t pid) {
  const std::string path = in_proc(pid, "/fd");
  struct stat status {};
  // From Linux 6.2 the folder's size is the number of descriptors (fs/proc/fd.c proc_fd_getattr); before it is 0.
  if (::stat(files.real_path(path).c_str(), &status) != 0) return unexpected(errno_error(errno, "stat", path));
  struct stat proc {};
  const bool counted = ::stat(files.real_path("/proc").c_str(), &proc) == 0 && proc.st_size == 0;
  if (counted && status.st_size > 0) return static_cast<std::uint64_t>(status.st_size);
  const auto names = files.list(path);
  if (!names) return unexpected(names.error());
  return names->size();
}

Result<std::uint64_t> uptime_s(const FileTree& files) {
  const auto text = files.read("/proc/uptime");
  if (!text) return unexpected(text.error());
  const auto fields = split_fields(*text);
  const auto seconds =
      fields.empty() ? std::nullopt : parse_number<std::uint64_t>(fields[0].substr(0, fields[0].find('.')));
  if (!seconds) return unexpected(malformed("/proc/uptime"));
  return *seconds;
}

std::string user_name(const FileTree& files, std::uint32_t uid) {
  const auto text = files.read("/etc/passwd", 1UL << 20);
  if (!text) return {};
  const std::string number = std::to_string(uid);
  for (const std::string_view line : split_lines(*text)) {
    // name:password:uid:...
    const auto first = line.find(':');
    const auto second = first == std::string_view::npos ? first : line.find(':', first + 1);
    const auto third = second == std::string_view::npos ? second : line.find(':', second + 1);
    if (third == std::string_view::npos) continue;
    if (line.substr(second + 1, third - second - 1) == number) return printable(line.substr(0, first));
  }
  return {};
}

}  // namespace hostcheck::kernel
