// Files that are part of the program itself. Only the program that is one file (packaging/build-static) has any: the
// rules and the plugins' own files, each by its name in the source tree.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hostcheck {

struct EmbeddedFile {
  std::string_view name;  // "rules/tcp/window_scaling_disabled.toml"
  std::string_view text;
};
// Sorted by name; empty where the program reads them from folders.
[[nodiscard]] std::span<const EmbeddedFile> embedded_files();

// Such a file is "program:NAME" where a path is asked for, such a folder "program:rules".
inline constexpr std::string_view kEmbeddedRoot = "program:";
[[nodiscard]] bool is_embedded(std::string_view path);
// nullptr where the program has no such file.
[[nodiscard]] const EmbeddedFile* find_embedded(std::string_view path);
// The paths of all files below a folder; none where the program has no such folder.
[[nodiscard]] std::vector<std::string> embedded_below(std::string_view folder);

}  // namespace hostcheck
