// The points where a listener refuses a SYN or a last ACK: functions of the kernel that are traced where it allows
// that.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/observe/kernel_types.h"
#include "core/observe/methods.h"
#include "ebpf/observe.h"

struct bpf_link;
struct bpf_program;
struct observe_bpf;

namespace hostcheck::observe {

class RefusalPoints {
 public:
  // Decides by loading an empty program for each function which of the skeleton's are loaded; before it is loaded. The
  // links belong to the skeleton.
  RefusalPoints(observe_bpf& skeleton, const KernelTypes& types);
  // Attaches what was loaded. A kernel may take a program and still refuse to patch its function: that one is left out.
  void attach();

  [[nodiscard]] bool sees_syns() const { return points_[kSyns].usable.has_value(); }
  [[nodiscard]] bool sees_acks() const { return points_[kAcks].usable && points_[kCookies].usable; }
  // Which functions, or why not.
  [[nodiscard]] Method told() const;

 private:
  enum { kSyns, kAcks, kCookies };
  struct Point {
    const char* function;
    bpf_program* enters;
    bpf_program* leaves;
    bpf_link** enters_link;
    bpf_link** leaves_link;
    Result<void> usable = {};
  };
  std::vector<Point> points_;
};

}  // namespace hostcheck::observe
