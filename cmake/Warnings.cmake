# Flags of our own code. Third-party sources (llhttp, the Python grammar) are built without them.
add_library(tally_flags INTERFACE)
target_include_directories(tally_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(tally_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
  -Wformat=2 -Wundef -Wcast-qual -Wwrite-strings -Wswitch-enum -Wimplicit-fallthrough
  -fno-strict-aliasing -fno-common -g)
target_compile_definitions(tally_flags INTERFACE _GNU_SOURCE)
if(TALLY_WERROR)
  target_compile_options(tally_flags INTERFACE -Werror)
endif()

if(TALLY_SANITIZE STREQUAL "address+undefined")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
  target_compile_definitions(tally_flags INTERFACE TALLY_SLOW_CHECKS)
elseif(TALLY_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
  target_compile_definitions(tally_flags INTERFACE TALLY_SLOW_CHECKS)
elseif(TALLY_SANITIZE)
  message(FATAL_ERROR "TALLY_SANITIZE is 'address+undefined' or 'thread', not '${TALLY_SANITIZE}'")
endif()

if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_options(tally_flags INTERFACE
    -fstack-protector-strong -fstack-clash-protection -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64")
    target_compile_options(tally_flags INTERFACE -fcf-protection)
  endif()
  set(CMAKE_C_FLAGS_RELEASE "-O2") # without NDEBUG: INVARIANT stays on
  set(CMAKE_EXE_LINKER_FLAGS_RELEASE "-pie -Wl,-z,relro,-z,now")
elseif(CMAKE_BUILD_TYPE STREQUAL "Debug")
  set(CMAKE_C_FLAGS_DEBUG "-Og -g")
endif()

if(TALLY_FUZZ) # coverage for libFuzzer, in every library it looks into
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
