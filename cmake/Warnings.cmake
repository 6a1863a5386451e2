# One place for warnings; errors only where a developer or CI asks for it, so that a newer compiler never breaks a user's build.
set(restride_warnings -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wcast-align -Woverloaded-virtual
                      -Wimplicit-fallthrough -Wno-missing-field-initializers)
if(RESTRIDE_WERROR)
  list(APPEND restride_warnings -Werror)
endif()
add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:${restride_warnings}>")
