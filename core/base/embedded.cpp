#include "core/base/embedded.h"

#include <algorithm>

namespace hostcheck {
namespace {

#ifdef HOSTCHECK_EMBEDDED
using namespace std::string_view_literals;
constexpr EmbeddedFile kFiles[] = {
#include HOSTCHECK_EMBEDDED  // generated: {"NAME", "TEXT"sv}, ...
};
constexpr std::span<const EmbeddedFile> kAll(kFiles);
#else
constexpr std::span<const EmbeddedFile> kAll;
#endif

}  // namespace

std::span<const EmbeddedFile> embedded_files() {
  return kAll;
}

bool is_embedded(std::string_view path) {
  return path.starts_with(kEmbeddedRoot);
}

const EmbeddedFile* find_embedded(std::string_view path) {
  if (!is_embedded(path)) return nullptr;
  const std::string_view name = path.substr(kEmbeddedRoot.size());
  const auto found =
      std::find_if(kAll.begin(), kAll.end(), [&](const EmbeddedFile& each) { return each.name == name; });
  return found == kAll.end() ? nullptr : &*found;
}

std::vector<std::string> embedded_below(std::string_view folder) {
  std::vector<std::string> paths;
  if (!is_embedded(folder)) return paths;
  const std::string start = std::string(folder.substr(kEmbeddedRoot.size())) + '/';
  for (const EmbeddedFile& each : kAll) {
    if (each.name.starts_with(start)) paths.push_back(std::string(kEmbeddedRoot) + std::string(each.name));
  }
  return paths;
}

}  // namespace hostcheck
