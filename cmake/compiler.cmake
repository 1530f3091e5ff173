# Everything the compiler is told, in one place.
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

add_library(conductor_options INTERFACE)
target_include_directories(conductor_options INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_definitions(conductor_options INTERFACE _GNU_SOURCE CONDUCTOR_VERSION="${PROJECT_VERSION}")
target_compile_options(conductor_options INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror
  -ffunction-sections -fdata-sections)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  # Found only when optimising, and wrong about std::string in GCC 12 to 14.
  target_compile_options(conductor_options INTERFACE -Wno-restrict -Wno-maybe-uninitialized
    -Wno-stringop-overflow -Wno-dangling-reference)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
target_link_options(conductor_options INTERFACE -Wl,--gc-sections)

if(CONDUCTOR_SANITIZE)
  target_compile_options(conductor_options INTERFACE -fsanitize=${CONDUCTOR_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(conductor_options INTERFACE -fsanitize=${CONDUCTOR_SANITIZE})
else()
  target_compile_options(conductor_options INTERFACE
    -fstack-protector-strong -fstack-clash-protection -fcf-protection
    $<$<CONFIG:Release>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2>)
  target_link_options(conductor_options INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
endif()
