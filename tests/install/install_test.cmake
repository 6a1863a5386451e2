# Installs the build into a new folder, moves that, and uses it as a stranger does: find_package, pkg-config, the command.
# cmake -DBUILD=... -DWORK=... -DSOURCE=... -DLIBDIR=... -DCXX=... -P install_test.cmake
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${ARGN}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

function(expect text)
  if(NOT output MATCHES "${text}")
    message(FATAL_ERROR "'${text}' is not in: ${output}")
  endif()
endfunction()

file(REMOVE_RECURSE ${WORK})
file(STRINGS ${SOURCE}/VERSION version LIMIT_COUNT 1)
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/first)
file(RENAME ${WORK}/first ${WORK}/prefix)  # nothing may depend on where it was
set(prefix ${WORK}/prefix)
# A copy outside the source tree, so that no header can be found but the installed ones.
file(COPY ${SOURCE}/examples/cmake DESTINATION ${WORK})

run(${CMAKE_COMMAND} -S ${WORK}/cmake -B ${WORK}/build -DCMAKE_PREFIX_PATH=${prefix} -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_BUILD_TYPE=Release)
run(${CMAKE_COMMAND} --build ${WORK}/build)
run(${CMAKE_COMMAND} -E chdir ${WORK} ${WORK}/build/thumbnail)
expect("restride ${version}: 256 x 256")

find_program(PKG_CONFIG pkg-config)
if(PKG_CONFIG)
  set(ENV{PKG_CONFIG_PATH} ${prefix}/${LIBDIR}/pkgconfig)
  run(${PKG_CONFIG} --modversion restride)
  expect("${version}")
  run(${PKG_CONFIG} --cflags --libs restride)
  string(STRIP "${output}" flags)
  separate_arguments(flags UNIX_COMMAND "${flags}")
  run(${CXX} -std=c++20 -o ${WORK}/by_pkg_config ${WORK}/cmake/thumbnail.cpp ${flags} -Wl,-rpath,${prefix}/${LIBDIR})
  run(${CMAKE_COMMAND} -E chdir ${WORK} ${WORK}/by_pkg_config thumbnail.png again.webp)
  expect("restride ${version}: 256 x 256")
endif()

if(EXISTS ${prefix}/bin/restride)
  run(${prefix}/bin/restride transcode ${WORK}/again.webp ${WORK}/again.jpg)
  run(${prefix}/bin/restride info ${WORK}/again.jpg)
  expect("jpeg, 256 x 256")
  foreach(page man/man1/restride.1 bash-completion/completions/restride zsh/site-functions/_restride
               fish/vendor_completions.d/restride.fish)
    if(NOT EXISTS ${prefix}/share/${page})
      message(FATAL_ERROR "share/${page} was not installed")
    endif()
  endforeach()
endif()
