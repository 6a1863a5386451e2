# One place for warnings; errors only where a developer or CI asks for it, so that a newer compiler never breaks a user's build.
add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wcast-align -Woverloaded-virtual -Wimplicit-fallthrough
                    -Wno-missing-field-initializers)
if(RESTRIDE_WERROR)
  add_compile_options(-Werror)
endif()
