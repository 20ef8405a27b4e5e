# hostcheck_add_plugin(NAME [SOURCE...])
#
# A check plugin from the sources (all *.cpp of the folder when none is given), plugin.toml and tests.toml of the present
# folder. Built as hostcheck-plugins/NAME/ below the build folder (`hostcheck test`, `hostcheck run --plugins`), installed
# as lib/hostcheck/plugins/NAME/.
function(hostcheck_add_plugin name)
  set(sources ${ARGN})
  if(NOT sources)
    file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cpp")
  endif()
  set(folder "${CMAKE_BINARY_DIR}/hostcheck-plugins/${name}")
  add_library(plugin_${name} MODULE ${sources})
  target_link_libraries(plugin_${name} PRIVATE hostcheck::sdk)
  # Nothing but the entry is seen from outside, so that two plugins cannot take each other's functions.
  set_target_properties(plugin_${name} PROPERTIES OUTPUT_NAME plugin PREFIX "" SUFFIX ".so"
    LIBRARY_OUTPUT_DIRECTORY "${folder}" CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  foreach(file plugin.toml tests.toml)
    if(EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/${file}")
      configure_file("${CMAKE_CURRENT_SOURCE_DIR}/${file}" "${folder}/${file}" COPYONLY)
      install(FILES "${CMAKE_CURRENT_SOURCE_DIR}/${file}" DESTINATION "lib/hostcheck/plugins/${name}")
    endif()
  endforeach()
  install(TARGETS plugin_${name} LIBRARY DESTINATION "lib/hostcheck/plugins/${name}")
endfunction()
