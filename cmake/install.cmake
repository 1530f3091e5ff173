include(GNUInstallDirs)
install(TARGETS conductor conductor-monitor conductor-transfer RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
# systemd looks for units of packages there, whatever the library directory is.
configure_file(scripts/conductor.service.in conductor.service @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/conductor.service DESTINATION lib/systemd/system)
