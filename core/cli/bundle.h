// `run --bundle`: everything that a run has to hand over, as one file.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "core/base/result.h"
#include "core/conclude/report.h"
#include "core/conclude/sample.h"
#include "core/facts/facts.h"
#include "core/gather/gather.h"
#include "core/observe/capture.h"
#include "core/probe/onlooker.h"

namespace hostcheck::cli {

// The reports as they are to be in the bundle.
struct BundleReports {
  std::string text;
  std::string json;
  std::string html;
};

// One run's bundle. Packets are heard from its beginning on.
class Bundle {
 public:
  // path: "" for a run without a bundle: then nothing is heard and nothing is written. live: whether this host is
  // looked at, and no snapshot.
  Bundle(std::string path, bool live, const gather::Options& namespaces);
  Bundle(const Bundle&) = delete;
  Bundle& operator=(const Bundle&) = delete;

  // What the run's stages tell the bundle; the object has to outlive them.
  [[nodiscard]] conclude::Wait listening(conclude::Wait wait);
  [[nodiscard]] std::function<void()> at_window_end();
  [[nodiscard]] probe::Onlooker onlooker();

  // Writes it, whole or not at all, for its owner's eyes only.
  [[nodiscard]] Result<void> write(const BundleReports& reports, const conclude::Report& report,
                                   const facts::Facts& facts, const observe::Observation::Window& window);

 private:
  [[nodiscard]] bool is_wanted() const { return !path_.empty(); }
  std::string path_;
  bool live_ = false;
  std::optional<observe::Capture> capture_;
};

}  // namespace hostcheck::cli
