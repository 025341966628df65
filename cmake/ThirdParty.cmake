# Every foreign library, once. Names and versions: Debian 12 (docs/operations.md lists the packages).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

function(tally_pkg target module)
  pkg_check_modules(${target} REQUIRED IMPORTED_TARGET ${module})
  add_library(third_${target} INTERFACE)
  target_link_libraries(third_${target} INTERFACE PkgConfig::${target})
endfunction()

# Only its headers: it is opened when it is first needed (core/base/late.h).
function(tally_pkg_late target module)
  pkg_check_modules(${target} REQUIRED IMPORTED_TARGET ${module})
  add_library(third_${target} INTERFACE)
  target_include_directories(third_${target} SYSTEM INTERFACE ${${target}_INCLUDE_DIRS})
endfunction()

tally_pkg(lmdb lmdb)
tally_pkg(uv libuv)
tally_pkg(msgpack msgpack)
tally_pkg(jansson jansson)
tally_pkg(sodium libsodium)
tally_pkg(openssl libcrypto)
tally_pkg(ssl libssl)
tally_pkg_late(curl libcurl)
tally_pkg(cmocka cmocka)
tally_pkg(seccomp libseccomp)
tally_pkg(yaml yaml-0.1)
tally_pkg_late(archive libarchive)
tally_pkg(zlib zlib)

add_library(third_wslay INTERFACE) # ships no .pc file
target_link_libraries(third_wslay INTERFACE wslay)

# llhttp comes as C sources with Debian's node-llhttp.
add_library(third_llhttp STATIC /usr/share/llhttp/api.c /usr/share/llhttp/http.c /usr/share/llhttp/llhttp.c)
target_include_directories(third_llhttp SYSTEM PUBLIC /usr/share/include/llhttp)
target_compile_options(third_llhttp PRIVATE -w)
# Without it any two bytes pass for the CR LF behind a chunk, and blanks in header names.
target_compile_definitions(third_llhttp PUBLIC LLHTTP_STRICT_MODE=1)

# The parser of Python source, fetched by tools/grammar: pinned by checksum, never committed. The library is not Debian's:
# 0.20.7 counts a node's children in 16 bits and corrupts the heap on 65,536 open brackets.
set(TALLY_TOOLS_DIR "$ENV{TALLY_TOOLS_DIR}" CACHE PATH "where tools/grammar puts what it fetches")
if(NOT TALLY_TOOLS_DIR)
  set(TALLY_TOOLS_DIR ${CMAKE_SOURCE_DIR}/.tools)
endif()
set(treesitter ${TALLY_TOOLS_DIR}/tree-sitter/vendor/tree-sitter/lib)
set(grammar ${TALLY_TOOLS_DIR}/tree-sitter-python)
if(NOT EXISTS ${treesitter}/src/lib.c OR NOT EXISTS ${grammar}/version)
  message(FATAL_ERROR "The parser of Python source is missing in ${TALLY_TOOLS_DIR}. Run tools/grammar (needs npm and the "
                      "network, takes seconds), or point TALLY_TOOLS_DIR at a folder that has it.")
endif()
add_library(third_treesitter STATIC ${treesitter}/src/lib.c)
target_include_directories(third_treesitter SYSTEM PUBLIC ${treesitter}/include)
target_include_directories(third_treesitter PRIVATE ${treesitter}/src)
target_compile_options(third_treesitter PRIVATE -w)
add_library(third_treesitter_python STATIC ${grammar}/src/parser.c ${grammar}/src/scanner.c)
target_include_directories(third_treesitter_python PRIVATE ${grammar}/src)
target_compile_options(third_treesitter_python PRIVATE -w)
target_link_libraries(third_treesitter_python PUBLIC third_treesitter)
