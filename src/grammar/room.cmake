# llguidance is built by cargo, once for all presets: Rust code is the same in each of them.
# It needs Rust 1.87. The first cargo of the PATH may be older than another one: Debian 12 has an old
# one, and a new one named cargo-web, which test.sh and serve.sh install (scripts/common.sh).
set(rust_min 1.87)
string(REPLACE ":" ";" rust_folders "$ENV{PATH}:/usr/bin")
foreach(folder ${rust_folders})
  if(NOT G4_RUST_FOLDER AND EXISTS ${folder}/cargo AND EXISTS ${folder}/rustc)
    execute_process(COMMAND ${folder}/rustc --version OUTPUT_VARIABLE rust_version ERROR_QUIET)
    if(rust_version MATCHES "rustc ([0-9.]+)" AND CMAKE_MATCH_1 VERSION_GREATER_EQUAL rust_min)
      set(G4_RUST_FOLDER ${folder} CACHE PATH "Folder of the cargo and rustc that build llguidance")
    endif()
  endif()
endforeach()
if(NOT G4_RUST_FOLDER)
  message(FATAL_ERROR "No cargo and rustc of version ${rust_min} or later in the PATH. "
                      "On Debian 12: apt-get install rustc-web cargo-web")
endif()
set(llguidance_crate ${CMAKE_SOURCE_DIR}/src/grammar/llguidance)
set(llguidance_build ${CMAKE_SOURCE_DIR}/build/llguidance)
set(llguidance_library ${llguidance_build}/release/libg4_llguidance.a)
add_custom_command(
  OUTPUT ${llguidance_library} ${llguidance_build}/release/llguidance.h
  COMMAND ${CMAKE_COMMAND} -E env CARGO_TARGET_DIR=${llguidance_build}
          RUSTC=${G4_RUST_FOLDER}/rustc
          ${G4_RUST_FOLDER}/cargo build --release --locked --quiet --manifest-path ${llguidance_crate}/Cargo.toml
  COMMAND ${CMAKE_COMMAND} -E touch ${llguidance_library} ${llguidance_build}/release/llguidance.h
  DEPENDS ${llguidance_crate}/Cargo.toml ${llguidance_crate}/Cargo.lock ${llguidance_crate}/src/lib.rs
  COMMENT "Building llguidance with cargo (a minute, the first time)"
  VERBATIM)
add_custom_target(llguidance_build DEPENDS ${llguidance_library})
add_library(llguidance STATIC IMPORTED GLOBAL)
set_target_properties(llguidance PROPERTIES IMPORTED_LOCATION ${llguidance_library})
target_link_libraries(llguidance INTERFACE Threads::Threads ${CMAKE_DL_LIBS} m)
add_dependencies(llguidance llguidance_build)
if(TARGET g4_grammar)
  target_include_directories(g4_grammar SYSTEM PRIVATE ${llguidance_build}/release)
  target_link_libraries(g4_grammar PUBLIC llguidance)
  add_dependencies(g4_grammar llguidance_build)
endif()
if(TARGET grammar_probe)
  set_target_properties(grammar_probe PROPERTIES OUTPUT_NAME gemma4-grammar-probe)
endif()
if(TARGET grammar_test)
  add_dependencies(grammar_test grammar_probe)
endif()
# valijson's strings meet a false alarm of g++ 12 at -O3.
set_source_files_properties(${CMAKE_SOURCE_DIR}/src/grammar/corpus_test.cpp
  ${CMAKE_SOURCE_DIR}/src/service/constrained_calls_test.cpp PROPERTIES
  COMPILE_OPTIONS $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
