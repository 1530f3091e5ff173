include(GNUInstallDirs)
install(TARGETS conductor conductor-monitor RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
