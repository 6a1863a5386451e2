# What the compiler can do against memory errors in code that reads strangers' files. scripts/check_hardening.py looks for it in wheels.
include(CheckCXXCompilerFlag)
add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fstack-protector-strong>)
check_cxx_compiler_flag(-fcf-protection RESTRIDE_HAS_CF_PROTECTION)
if(RESTRIDE_HAS_CF_PROTECTION AND CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fcf-protection>)
endif()
# FORTIFY needs optimisation, and sanitizers check more than it does. Distributions may have set it already.
if(NOT RESTRIDE_SANITIZE AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-U_FORTIFY_SOURCE> $<$<COMPILE_LANGUAGE:CXX>:-D_FORTIFY_SOURCE=2>)
endif()
add_link_options(LINKER:-z,relro LINKER:-z,now LINKER:-z,noexecstack)
