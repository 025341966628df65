# Every foreign library, once. Names and versions: Debian 12 (docs/operations.md lists the packages).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

function(tally_pkg target module)
  pkg_check_modules(${target} REQUIRED IMPORTED_TARGET ${module})
  add_library(third_${target} INTERFACE)
  target_link_libraries(third_${target} INTERFACE PkgConfig::${target})
endfunction()

tally_pkg(lmdb lmdb)
tally_pkg(uv libuv)
tally_pkg(msgpack msgpack)
tally_pkg(jansson jansson)
tally_pkg(sodium libsodium)
tally_pkg(openssl libcrypto)
tally_pkg(curl libcurl)
tally_pkg(cmocka cmocka)
tally_pkg(seccomp libseccomp)
tally_pkg(treesitter tree-sitter)

add_library(third_wslay INTERFACE) # ships no .pc file
target_link_libraries(third_wslay INTERFACE wslay)

# llhttp comes as C sources with Debian's node-llhttp.
add_library(third_llhttp STATIC /usr/share/llhttp/api.c /usr/share/llhttp/http.c /usr/share/llhttp/llhttp.c)
target_include_directories(third_llhttp SYSTEM PUBLIC /usr/share/include/llhttp)
target_compile_options(third_llhttp PRIVATE -w)
# Without it any two bytes pass for the CR LF behind a chunk, and blanks in header names.
target_compile_definitions(third_llhttp PUBLIC LLHTTP_STRICT_MODE=1)
