// Interned strings: names that many rows share (interfaces, namespaces, processes) are kept once.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

namespace hostcheck {

// A string that lives in a TextPool: eight bytes, compared by content, valid as long as its pool.
class Symbol {
 public:
  Symbol() = default;
  [[nodiscard]] std::string_view view() const {
    return text_ == nullptr ? std::string_view{} : std::string_view(*text_);
  }
  [[nodiscard]] bool empty() const { return text_ == nullptr || text_->empty(); }
  friend bool operator==(Symbol a, Symbol b) { return a.text_ == b.text_ || a.view() == b.view(); }

 private:
  friend class TextPool;
  explicit Symbol(const std::string* text) : text_(text) {}
  const std::string* text_ = nullptr;
};

class TextPool {
 public:
  TextPool() = default;
  TextPool(const TextPool&) = delete;
  TextPool& operator=(const TextPool&) = delete;
  TextPool(TextPool&&) = default;
  TextPool& operator=(TextPool&&) = default;

  // The one Symbol of this text; "" gives the empty Symbol.
  [[nodiscard]] Symbol intern(std::string_view text) {
    if (text.empty()) return {};
    if (const auto found = by_text_.find(text); found != by_text_.end()) return Symbol(found->second);
    const std::string& kept = texts_.emplace_back(text);
    by_text_.emplace(kept, &kept);
    return Symbol(&kept);
  }

 private:
  std::deque<std::string> texts_;
  std::unordered_map<std::string_view, const std::string*> by_text_;
};

}  // namespace hostcheck
