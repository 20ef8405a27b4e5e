// Standard output and error, and files that take a report.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/cli/options.h"

namespace hostcheck::cli {

// Writes all of it to standard output; false when that failed. A reader that went away is no error worth words.
[[nodiscard]] bool print(std::string_view text);
// "hostcheck: ..." and a newline on standard error; control characters of foreign names are made harmless.
void complain(std::string_view message);
// Words for standard error as they are.
void print_error(std::string_view text);

// complain() and the exit status that fits: usage for what a person got wrong, else unknown.
[[nodiscard]] int fail(const Error& error);

// Whether a file can be put there, so far as that can be told before: its folder exists and may be written to.
[[nodiscard]] Result<void> can_write_whole(const std::string& path);
// The whole text or, on an Error, what was there before: a new file beside it is renamed over it. A device or a pipe is
// written to as it is. A symbolic link is followed.
[[nodiscard]] Result<void> write_whole(const std::string& path, std::string_view text);
// The same with this mode for a new file, whatever umask(2) says.
[[nodiscard]] Result<void> write_whole(const std::string& path, std::string_view text, unsigned mode);

// Whether the report is coloured: asked for, or standard output is a terminal and neither NO_COLOR nor TERM=dumb is
// set.
[[nodiscard]] bool use_colour(Colour colour, bool to_file);

}  // namespace hostcheck::cli
