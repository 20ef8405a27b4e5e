#include "core/gather/socket_cgroups.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "core/facts/cgroup.h"
#include "core/kernel/cgroup.h"
#include "core/kernel/process.h"

namespace hostcheck::gather {
namespace {

bool wants_any(const facts::TableRequest& request, std::string_view source_part) {
  const auto& columns = facts::Cgroup::table().columns;
  return std::any_of(columns.begin(), columns.end(), [&](const facts::Column& each) {
    return each.source.find(source_part) != std::string::npos && request.wants(each.name);
  });
}

class Cgroups {
 public:
  explicit Cgroups(const Task& task) : task_(task) {
    const facts::TableRequest& request = *task.asked("cgroups");
    wants_ = {wants_any(request, "cpu.stat") || wants_any(request, "cpu.max"), wants_any(request, "memory."),
              wants_any(request, ".pressure")};
  }

  void add(const ListeningProcess& process) {
    const auto text = task_.files.read("/proc/" + std::to_string(process.pid) + "/cgroup");
    if (!text) return;  // it has gone since
    const Symbol name = task_.out.intern(kernel::process_name(task_.files, process.pid));
    std::uint32_t level = 0;
    for (const kernel::CgroupFolders& folders : kernel::cgroup_folders(task_.files, *text)) {
      const auto& limits = read(folders);
      if (!limits) return absent(process, limits.error());
      if (level == 0 || limits->cpu_quota_us || limits->memory_max_bytes || limits->memory_high_bytes) {
        task_.out.rows<facts::Cgroup>().push_back({task_.out.intern(task_.netns.name), process.pid, name, process.ports,
                                                   task_.out.intern(folders.name), level, *limits});
      }
      ++level;
    }
  }

 private:
  const Result<facts::CgroupLimits>& read(const kernel::CgroupFolders& folders) {
    const std::string key = folders.unified + "\n" + folders.cpu + "\n" + folders.memory;
    const auto known = known_.find(key);
    if (known != known_.end()) return known->second;
    return known_.emplace(key, kernel::read_cgroup(task_.files, folders, wants_)).first->second;
  }

  void absent(const ListeningProcess& process, const Error& error) {
    task_.out.add_absence({"cgroups",
                           {},
                           task_.netns.name,
                           std::to_string(process.pid),
                           error.code,
                           error.message(),
                           error.code == ErrorCode::denied ? "run as root" : ""});
  }

  const Task& task_;
  kernel::CgroupWants wants_;
  std::map<std::string, Result<facts::CgroupLimits>> known_;
};

}  // namespace

void gather_cgroups(const Task& task, const std::vector<ListeningProcess>& processes) {
  Cgroups cgroups(task);
  for (const ListeningProcess& each : processes) cgroups.add(each);
}

}  // namespace hostcheck::gather
