#include "core/observe/kernel_types.h"

#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/btf.h>

namespace hostcheck::observe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

// Writes BTF as the kernel lays it out: header, types, names.
class Btf {
 public:
  std::uint32_t add(std::uint32_t kind, std::uint32_t members, std::string_view name, std::uint32_t type = 0) {
    btf_type made{};
    made.name_off = text(name);
    made.info = kind << 24 | members;
    made.type = type;
    raw(made);
    return ++count_;
  }
  template <typename T>
  void raw(const T& value) {
    const auto* bytes = reinterpret_cast<const char*>(&value);
    for (std::size_t i = 0; i < sizeof value; ++i) types_.push_back(bytes[i]);
  }
  std::uint32_t text(std::string_view name) {
    const auto offset = static_cast<std::uint32_t>(names_.size());
    names_.append(name).push_back('\0');
    return offset;
  }
  std::uint32_t tracepoint(std::string_view name, std::uint32_t arguments) {
    const std::uint32_t prototype = add(BTF_KIND_FUNC_PROTO, arguments + 1, "");
    for (std::uint32_t i = 0; i <= arguments; ++i) raw(btf_param{});
    const std::uint32_t pointer = add(BTF_KIND_PTR, 0, "", prototype);
    return add(BTF_KIND_TYPEDEF, 0, "btf_trace_" + std::string(name), pointer);
  }
  [[nodiscard]] std::vector<char> bytes() const {
    btf_header header{};
    header.magic = BTF_MAGIC;
    header.version = 1;
    header.hdr_len = sizeof header;
    header.type_len = static_cast<std::uint32_t>(types_.size());
    header.str_off = header.type_len;
    header.str_len = static_cast<std::uint32_t>(names_.size());
    std::vector<char> all(sizeof header + types_.size() + names_.size());
    std::memcpy(all.data(), &header, sizeof header);
    std::copy(types_.begin(), types_.end(), all.begin() + sizeof header);
    std::copy(names_.begin(), names_.end(), all.end() - static_cast<std::ptrdiff_t>(names_.size()));
    return all;
  }

 private:
  std::vector<char> types_;
  std::string names_ = std::string(1, '\0');
  std::uint32_t count_ = 0;
};

Btf small_kernel() {
  Btf btf;
  btf.add(BTF_KIND_INT, 0, "int", 4);
  btf.raw(__u32{0});
  btf.add(BTF_KIND_STRUCT, 1, "kfree_skb", 8);
  btf.raw(btf_member{});
  btf.tracepoint("kfree_skb_list", 1);
  btf.tracepoint("kfree_skb", 3);
  btf.add(BTF_KIND_ENUM, 2, "skb_drop_reason", 4);
  btf.raw(btf_enum{btf.text("SKB_DROP_REASON_NO_SOCKET"), 3});
  btf.raw(btf_enum{btf.text("OTHER"), 70000});
  btf.add(BTF_KIND_FUNC, 0, "bpf_iter_tcp", 3);
  return btf;
}

TEST(KernelTypes, CountsATracepointsArguments) {
  const auto types = KernelTypes::parse(small_kernel().bytes());
  ASSERT_TRUE(types) << types.error().message();
  EXPECT_EQ(types->tracepoint_arguments("kfree_skb"), 3);
  EXPECT_EQ(types->tracepoint_arguments("kfree_skb_list"), 1);
  EXPECT_EQ(types->tracepoint_arguments("kfree_sk"), -1);
  EXPECT_EQ(types->tracepoint_arguments("consume_skb"), -1);
}

TEST(KernelTypes, ATypedefOfSomethingElseIsNoTracepoint) {
  Btf btf;
  btf.add(BTF_KIND_TYPEDEF, 0, "btf_trace_odd", btf.add(BTF_KIND_FWD, 0, "struct"));
  btf.add(BTF_KIND_TYPEDEF, 0, "btf_trace_far", 4000);
  const auto types = KernelTypes::parse(btf.bytes());
  ASSERT_TRUE(types);
  EXPECT_EQ(types->tracepoint_arguments("odd"), -1);
  EXPECT_EQ(types->tracepoint_arguments("far"), -1);
}

TEST(KernelTypes, NamesAnEnumeration) {
  const auto types = KernelTypes::parse(small_kernel().bytes());
  ASSERT_TRUE(types);
  EXPECT_THAT(types->enum_names("skb_drop_reason", "SKB_DROP_REASON_"),
              ElementsAre(Pair(3, "NO_SOCKET"), Pair(70000, "OTHER")));
  EXPECT_TRUE(types->enum_names("sk_rst_reason", "SK_RST_REASON_").empty());
}

TEST(KernelTypes, FindsAFunctionByItsWholeName) {
  const auto types = KernelTypes::parse(small_kernel().bytes());
  ASSERT_TRUE(types);
  EXPECT_TRUE(types->has_function("bpf_iter_tcp"));
  EXPECT_FALSE(types->has_function("bpf_iter_tc"));
  EXPECT_FALSE(types->has_function("bpf_iter_tcp6"));
  EXPECT_FALSE(types->has_function("kfree_skb")) << "a struct";
}

TEST(KernelTypes, RefusesWhatIsCutShort) {
  const std::vector<char> whole = small_kernel().bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(KernelTypes::parse({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)})) << size;
  }
}

TEST(KernelTypes, RefusesWhatItCannotWalk) {
  Btf btf;
  btf.add(31, 0, "new");
  const auto types = KernelTypes::parse(btf.bytes());
  ASSERT_FALSE(types);
  EXPECT_THAT(types.error().message(), HasSubstr("kind"));
  std::vector<char> other = small_kernel().bytes();
  other[0] = 'x';
  EXPECT_FALSE(KernelTypes::parse(other));
  std::vector<char> lies = small_kernel().bytes();
  btf_header header{};
  std::memcpy(&header, lies.data(), sizeof header);
  header.type_len -= 4;
  std::memcpy(lies.data(), &header, sizeof header);
  EXPECT_FALSE(KernelTypes::parse(lies)) << "the last type reaches beyond the section";
}

TEST(KernelTypes, ReadsTheRunningKernelsOwn) {
  const auto types = KernelTypes::read();
  if (!types) GTEST_SKIP() << types.error().message();
  EXPECT_GE(types->tracepoint_arguments("kfree_skb"), 2);
  EXPECT_TRUE(types->has_function("tcp_v4_rcv"));
  EXPECT_FALSE(types->has_function("no_such_function_anywhere"));
}

}  // namespace
}  // namespace hostcheck::observe
