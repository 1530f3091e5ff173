include(GNUInstallDirs)
install(TARGETS conductor conductor-monitor conductor-transfer RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
