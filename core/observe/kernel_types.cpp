#include "core/observe/kernel_types.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <linux/btf.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/unique_fd.h"

namespace hostcheck::observe {
namespace {

constexpr const char* kPath = "/sys/kernel/btf/vmlinux";

// Bytes that follow the fixed part of a type (include/uapi/linux/btf.h).
std::size_t bytes_after(std::uint32_t kind, std::uint32_t members, bool& known) {
  known = true;
  switch (kind) {
    case BTF_KIND_PTR:
    case BTF_KIND_FWD:
    case BTF_KIND_TYPEDEF:
    case BTF_KIND_VOLATILE:
    case BTF_KIND_CONST:
    case BTF_KIND_RESTRICT:
    case BTF_KIND_FUNC:
    case BTF_KIND_FLOAT:
    case BTF_KIND_TYPE_TAG:
      return 0;
    case BTF_KIND_INT:
      return sizeof(__u32);
    case BTF_KIND_VAR:
      return sizeof(btf_var);
    case BTF_KIND_DECL_TAG:
      return sizeof(btf_decl_tag);
    case BTF_KIND_ARRAY:
      return sizeof(btf_array);
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
      return members * sizeof(btf_member);
    case BTF_KIND_ENUM:
      return members * sizeof(btf_enum);
    case BTF_KIND_FUNC_PROTO:
      return members * sizeof(btf_param);
    case BTF_KIND_DATASEC:
      return members * sizeof(btf_var_secinfo);
    case BTF_KIND_ENUM64:
      return members * sizeof(btf_enum64);
    default:
      known = false;
      return 0;
  }
}

Error broken(std::string_view why) {
  return make_error(ErrorCode::failed, "read", kPath, why);
}

template <typename T>
T copy_at(const std::vector<char>& bytes, std::size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

}  // namespace

struct KernelTypes::Type {
  std::uint32_t id = 0;  // as the file numbers its types, from 1
  std::uint32_t kind = BTF_KIND_UNKN;
  std::uint32_t members = 0;
  std::uint32_t type = 0;  // what it points to or is made from
  std::string_view name;
  std::size_t after = 0;  // offset of what follows its fixed part
};

Result<KernelTypes> KernelTypes::read() {
  const UniqueFd file(::open(kPath, O_RDONLY | O_CLOEXEC));
  if (!file.valid() && errno == ENOENT) {
    return unexpected(make_error(ErrorCode::unsupported, "read", kPath, "the kernel has no BTF"));
  }
  struct stat about {};
  if (!file.valid() || ::fstat(file.get(), &about) != 0) return unexpected(errno_error(errno, "read", kPath));
  std::vector<char> bytes(static_cast<std::size_t>(about.st_size));
  std::size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t got = ::read(file.get(), bytes.data() + have, bytes.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unexpected(errno_error(errno, "read", kPath));
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  bytes.resize(have);
  return parse(std::move(bytes));
}

Result<KernelTypes> KernelTypes::parse(std::vector<char> bytes) {
  KernelTypes made;
  made.bytes_ = std::move(bytes);
  const std::size_t size = made.bytes_.size();
  if (size < sizeof(btf_header)) return unexpected(broken("shorter than its header"));
  const auto header = copy_at<btf_header>(made.bytes_, 0);
  if (header.magic != BTF_MAGIC) return unexpected(broken("not BTF"));
  const std::size_t first = std::size_t{header.hdr_len} + header.type_off;
  const std::size_t end = first + header.type_len;
  const std::size_t names = std::size_t{header.hdr_len} + header.str_off;
  if (end > size || names + header.str_len > size) return unexpected(broken("shorter than it says"));
  made.names_ = std::string_view(made.bytes_.data() + names, header.str_len);
  made.offsets_.reserve(header.type_len / 24);
  for (std::size_t offset = first; offset < end;) {
    if (end - offset < sizeof(btf_type)) return unexpected(broken("a type is cut short"));
    const auto type = copy_at<btf_type>(made.bytes_, offset);
    bool known = false;
    const std::size_t after = bytes_after(BTF_INFO_KIND(type.info), BTF_INFO_VLEN(type.info), known);
    if (!known) return unexpected(broken("a kind of type that this version does not know"));
    if (end - offset - sizeof(btf_type) < after) return unexpected(broken("a type is cut short"));
    made.offsets_.push_back(static_cast<std::uint32_t>(offset));
    offset += sizeof(btf_type) + after;
  }
  return made;
}

std::string_view KernelTypes::name_at(std::uint32_t offset) const {
  if (offset >= names_.size()) return {};
  const std::string_view rest = names_.substr(offset);
  return rest.substr(0, rest.find('\0'));
}

KernelTypes::Type KernelTypes::by_id(std::uint32_t id) const {
  if (id == 0 || id > offsets_.size()) return {};
  const std::size_t offset = offsets_[id - 1];
  const auto raw = copy_at<btf_type>(bytes_, offset);
  return {id, BTF_INFO_KIND(raw.info), BTF_INFO_VLEN(raw.info), raw.type, name_at(raw.name_off), offset + sizeof raw};
}

KernelTypes::Type KernelTypes::find(std::uint32_t kind, std::string_view name) const {
  for (std::uint32_t id = 1; id <= offsets_.size(); ++id) {
    const auto raw = copy_at<btf_type>(bytes_, offsets_[id - 1]);
    // Only the names of the right kind are looked at, and of them only as much as differs.
    if (BTF_INFO_KIND(raw.info) != kind || raw.name_off + name.size() >= names_.size()) continue;
    if (names_[raw.name_off + name.size()] == '\0' && names_.substr(raw.name_off, name.size()) == name) {
      return by_id(id);
    }
  }
  return {};
}

int KernelTypes::tracepoint_arguments(std::string_view name) const {
  // typedef void (*btf_trace_NAME)(void *, ...)
  const Type alias = find(BTF_KIND_TYPEDEF, "btf_trace_" + std::string(name));
  const Type pointer = by_id(alias.type);
  const Type prototype = by_id(pointer.type);
  if (alias.kind != BTF_KIND_TYPEDEF || pointer.kind != BTF_KIND_PTR || prototype.kind != BTF_KIND_FUNC_PROTO) {
    return -1;
  }
  return static_cast<int>(prototype.members) - 1;
}

std::uint32_t KernelTypes::function_id(std::string_view name) const {
  return find(BTF_KIND_FUNC, name).id;
}

EnumNames KernelTypes::enum_names(std::string_view name, std::string_view prefix) const {
  EnumNames names;
  const Type type = find(BTF_KIND_ENUM, name);
  for (std::uint32_t i = 0; i < type.members; ++i) {
    const auto value = copy_at<btf_enum>(bytes_, type.after + i * sizeof(btf_enum));
    std::string_view text = name_at(value.name_off);
    if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
    names.emplace_back(static_cast<std::uint32_t>(value.val), std::string(text));
  }
  return names;
}

}  // namespace hostcheck::observe
