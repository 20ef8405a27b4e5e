// A source fills one or several tables from the kernel. Adding a fact: its struct in core/facts, its reader in
// core/kernel, its Source here, its tests.
#pragma once

#include <span>
#include <string_view>

#include "core/facts/facts.h"
#include "core/facts/request.h"
#include "core/kernel/netns.h"
#include "core/kernel/procfs.h"

namespace hostcheck::gather {

// What a source is given. While it runs the thread is in the namespace that it is asked for.
struct Task {
  const facts::Request& request;
  const kernel::FileTree& files;
  const kernel::NetnsInfo& netns;
  // Every namespace that the run could find, those it looks at marked; for the sources that run once.
  std::span<const kernel::NetnsInfo> namespaces;
  facts::Facts& out;

  // The request for a table; nullptr when nobody reads it.
  [[nodiscard]] const facts::TableRequest* asked(std::string_view table) const {
    const auto found = request.find(table);
    return found == request.end() ? nullptr : &found->second;
  }
};

enum class Where {
  each_namespace,   // once in every namespace that the run looks at
  first_namespace,  // once, in the namespace of process 1: values that exist only there
  once,             // once, wherever hostcheck was started: values of the whole machine
};

struct Source {
  std::string_view name;
  Where where = Where::each_namespace;
  std::span<const std::string_view> tables;  // what it fills; it is run when any of them is asked for
  // Appends rows to task.out and adds an Absence for everything that was asked for and could not be read.
  void (*gather)(const Task& task) = nullptr;
};

// Every source, in the order they run. A new source adds its line in sources.cpp.
[[nodiscard]] std::span<const Source* const> sources();

}  // namespace hostcheck::gather
