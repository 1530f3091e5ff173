# add_room(NAME [LIBRARIES...]): the static library conductor_NAME of all .cpp files of src/NAME.
# Which room may include which is checked by tests/checks/includes.py; linking follows the same order.
# Files of linux that make an archive of their own (src/CMakeLists.txt).
set(netlink_sources "/linux/(netlink|nftables|source_filter|packet_guard|conntrack)[a-z_]*\\.cpp$")
function(add_room name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$|${netlink_sources}")
  if(sources)
    add_library(conductor_${name} STATIC ${sources})
    target_link_libraries(conductor_${name} PUBLIC conductor_options ${ARGN})
  else()
    add_library(conductor_${name} INTERFACE)
    target_link_libraries(conductor_${name} INTERFACE conductor_options ${ARGN})
  endif()
endfunction()
