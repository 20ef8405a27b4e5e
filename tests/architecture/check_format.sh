#!/bin/sh
# clang-format has nothing to change.
set -eu
cd "$1"
find core plugins tests \( -name '*.cpp' -o -name '*.h' \) -print0 2>/dev/null | xargs -0 clang-format --dry-run -Werror
