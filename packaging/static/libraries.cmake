# Included where HOSTCHECK_STATIC is on, instead of looking for the shared fmt and toml++. What else pkg-config names is
# found as an archive; libip4tc and libip6tc, which Debian has none of, in CMAKE_LIBRARY_PATH (packaging/build-static).
set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
# A third smaller than with what is faster by a little.
add_compile_options(-O2 -ffunction-sections -fdata-sections)
add_library(hostcheck_libraries STATIC packaging/static/libraries.cpp)
add_library(hostcheck_fmt INTERFACE)
target_compile_definitions(hostcheck_fmt INTERFACE FMT_SHARED)
target_link_libraries(hostcheck_fmt INTERFACE $<LINK_ONLY:hostcheck_libraries>)
add_library(fmt::fmt ALIAS hostcheck_fmt)
add_library(hostcheck_toml INTERFACE)
target_compile_options(hostcheck_toml INTERFACE -DTOML_HEADER_ONLY=0 -DTOML_SHARED_LIB=1)
target_link_libraries(hostcheck_toml INTERFACE $<LINK_ONLY:hostcheck_libraries>)
add_library(tomlplusplus::tomlplusplus ALIAS hostcheck_toml)
target_compile_definitions(hostcheck_libraries PRIVATE FMT_SHARED TOML_HEADER_ONLY=0 TOML_SHARED_LIB=1)
