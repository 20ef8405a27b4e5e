// The plugin's process, from fork to exit.
#pragma once

#include "core/plugin/runner.h"

namespace hostcheck::plugin {

struct ChildPipes {
  int library = -1;  // plugin.so, open for reading
  int answer = -1;   // frames go here
  int words = -1;    // in place of standard output and error
};

// Never returns. parent: the process that forked.
[[noreturn]] void run_child(const Job& job, ChildPipes pipes, int parent);

}  // namespace hostcheck::plugin
