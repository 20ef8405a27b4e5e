# cmake -DROOT=FOLDER -DFILES=NAME;... -DOUTPUT=FILE -P embed.cmake: writes the files as core/base/embedded.cpp includes them.
set(all "")
foreach(name ${FILES})
  file(READ "${ROOT}/${name}" text)
  string(APPEND all "{\"${name}\"sv, R\"hostcheck(${text})hostcheck\"sv},\n")
endforeach()
file(WRITE "${OUTPUT}" "${all}")
