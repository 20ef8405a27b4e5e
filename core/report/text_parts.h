// The pieces of the text report; used by text.cpp and its tests only.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/conclude/report.h"
#include "core/report/render.h"

namespace hostcheck::report {

inline constexpr std::size_t kWidth = 99;    // columns that a line may fill
inline constexpr std::size_t kIndent = 10;   // where text begins, after the word at the margin
inline constexpr std::size_t kMostRows = 5;  // findings of one check that are shown without --verbose

// label at the margin, then text wrapped beside it.
[[nodiscard]] std::string labelled(std::string_view label, std::string_view text);
// The same, with pieces joined by " · " and broken only between them where they fit.
[[nodiscard]] std::string labelled_list(std::string_view label, const std::vector<std::string>& pieces,
                                        std::string_view separator = " · ");

// One or more findings of one check in one namespace, as one block: each one's summary and evidence, then what they
// share.
struct Block {
  std::vector<const checks::Finding*> findings;
  std::vector<const checks::Finding*> effects;  // findings shown inside this block because it explains them
};
// The report's findings in blocks, in order; refuted ones left out. An effect is folded into its cause's block when the
// cause is as severe and as sure as it is.
[[nodiscard]] std::vector<Block> blocks_of(std::span<const checks::Finding> findings);
[[nodiscard]] std::string text_of(const Block& block, const TextOptions& options);

// The lines below the findings: refuted, clear, unknown with reasons and remedies, failed, skipped.
[[nodiscard]] std::string text_of_checks(const conclude::Report& report, const TextOptions& options);

}  // namespace hostcheck::report
