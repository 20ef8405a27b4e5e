#include "core/base/result.h"

#include <cerrno>
#include <system_error>

namespace hostcheck {

std::string_view name_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::denied:
      return "denied";
    case ErrorCode::unsupported:
      return "unsupported";
    case ErrorCode::vanished:
      return "vanished";
    case ErrorCode::failed:
      return "failed";
    case ErrorCode::invalid:
      return "invalid";
    case ErrorCode::limit:
      return "limit";
  }
  return "failed";
}

std::string Error::message() const {
  std::string text = operation;
  if (!object.empty()) text += (text.empty() ? "" : " ") + object;
  if (sys_errno != 0) text += (text.empty() ? "" : ": ") + std::generic_category().message(sys_errno);
  if (!detail.empty()) text += (text.empty() ? "" : ": ") + detail;
  return text;
}

Error errno_error(int err, std::string_view operation, std::string_view object) {
  ErrorCode code = ErrorCode::failed;
  switch (err) {
    case EPERM:
    case EACCES:
      code = ErrorCode::denied;
      break;
    case EOPNOTSUPP:
    case EPROTONOSUPPORT:
    case EAFNOSUPPORT:
    case ENOSYS:
    case ENOPROTOOPT:
      code = ErrorCode::unsupported;
      break;
    case ENOENT:
    case ENODEV:
    case ENXIO:
    case ESRCH:
      code = ErrorCode::vanished;
      break;
    default:
      break;
  }
  return Error{code, err, std::string(operation), std::string(object), {}};
}

Error make_error(ErrorCode code, std::string_view operation, std::string_view object, std::string_view detail) {
  return Error{code, 0, std::string(operation), std::string(object), std::string(detail)};
}

}  // namespace hostcheck
