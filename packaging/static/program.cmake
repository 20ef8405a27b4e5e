# Included where HOSTCHECK_STATIC is on: makes hostcheck one file that needs nothing else. The rules and the project's own
# plugins, with their tests, become part of it.
set(embedded "${CMAKE_BINARY_DIR}/embedded")
file(GLOB_RECURSE files RELATIVE "${PROJECT_SOURCE_DIR}" CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/rules/*.toml")
file(GLOB sidecars RELATIVE "${PROJECT_SOURCE_DIR}" CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/plugins/*/plugin.toml"
  "${PROJECT_SOURCE_DIR}/plugins/*/tests.toml")
list(APPEND files ${sidecars})
list(SORT files)
list(TRANSFORM files PREPEND "${PROJECT_SOURCE_DIR}/" OUTPUT_VARIABLE paths)
add_custom_command(OUTPUT "${embedded}/files.inc"
  COMMAND ${CMAKE_COMMAND} "-DROOT=${PROJECT_SOURCE_DIR}" "-DFILES=${files}" "-DOUTPUT=${embedded}/files.inc"
    -P "${CMAKE_CURRENT_LIST_DIR}/embed.cmake"
  DEPENDS ${paths} "${CMAKE_CURRENT_LIST_DIR}/embed.cmake"
  COMMENT "Rules and plugins' descriptions for the program" VERBATIM)
add_custom_target(hostcheck_embedded_files DEPENDS "${embedded}/files.inc")
add_dependencies(hostcheck_base hostcheck_embedded_files)
set_source_files_properties("${PROJECT_SOURCE_DIR}/core/base/embedded.cpp" TARGET_DIRECTORY hostcheck_base PROPERTIES
  COMPILE_DEFINITIONS HOSTCHECK_EMBEDDED="${embedded}/files.inc" OBJECT_DEPENDS "${embedded}/files.inc")

set(entries "")
foreach(sidecar ${sidecars})
  if(NOT sidecar MATCHES "^plugins/(.+)/plugin.toml$")
    continue()
  endif()
  set(name ${CMAKE_MATCH_1})
  string(APPEND entries "HOSTCHECK_EMBEDDED_PLUGIN(${name})\n")
  file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/plugins/${name}/*.cpp")
  add_library(embedded_${name} OBJECT ${sources})
  target_link_libraries(embedded_${name} PRIVATE hostcheck_options hostcheck::sdk)
  # Each calls its entry the same; and the SDK's namespace has names that the program's has too.
  target_compile_definitions(embedded_${name} PRIVATE hostcheck_plugin_entry=hostcheck_plugin_entry_${name}
    hostcheck=hostcheck_plugin_${name})
  target_link_libraries(hostcheck_plugin INTERFACE $<TARGET_OBJECTS:embedded_${name}>)
endforeach()
file(CONFIGURE OUTPUT "${embedded}/plugins.inc" CONTENT "${entries}")
set_source_files_properties("${PROJECT_SOURCE_DIR}/core/plugin/embedded.cpp" TARGET_DIRECTORY hostcheck_plugin PROPERTIES
  COMPILE_DEFINITIONS HOSTCHECK_EMBEDDED_PLUGINS="${embedded}/plugins.inc" OBJECT_DEPENDS "${embedded}/plugins.inc")

# What libbpf and libedit need themselves, which archives do not say.
target_link_libraries(hostcheck_observe PRIVATE elf z)
target_link_libraries(hostcheck_cli PRIVATE tinfo bsd md)
target_link_options(hostcheck PRIVATE -static-pie -Wl,--gc-sections)
target_link_options(hostcheck_manual PRIVATE -static-pie)
