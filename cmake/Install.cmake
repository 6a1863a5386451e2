# What a C++ user gets: headers, the shared library, find_package(restride) and a pkg-config file. All paths in them are
# relative, so that an installed tree may be moved.
include(CMakePackageConfigHelpers)
install(DIRECTORY include/restride DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development FILES_MATCHING PATTERN "*.h")
install(TARGETS restride EXPORT restrideTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT development
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
if(TARGET restride_cuda)  # opened at run time, beside librestride
  install(TARGETS restride_cuda LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime)
endif()

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/restride)
install(EXPORT restrideTargets NAMESPACE restride:: DESTINATION ${package_dir} COMPONENT development)
configure_package_config_file(cmake/restrideConfig.cmake.in restrideConfig.cmake INSTALL_DESTINATION ${package_dir})
# Before 1.0 a new minor version may change the interface.
write_basic_package_version_file(restrideConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/restrideConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/restrideConfigVersion.cmake
  DESTINATION ${package_dir} COMPONENT development)

file(RELATIVE_PATH RESTRIDE_PREFIX_FROM_PC "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
configure_file(cmake/restride.pc.in restride.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/restride.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
