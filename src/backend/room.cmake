# Only isa/<isa>.cpp get that instruction set's flags; the rest runs on any x86-64. A fused
# multiply-add appears where the source says so and nowhere else: all variants of a kernel must give
# the same bits.
set(isa ${CMAKE_SOURCE_DIR}/src/backend/cpu/isa)
set_source_files_properties(${isa}/avx2.cpp PROPERTIES
  COMPILE_OPTIONS "-mavx2;-mfma;-mf16c;-ffp-contract=off")
set_source_files_properties(${isa}/avx512.cpp PROPERTIES
  COMPILE_OPTIONS "-mavx512f;-mavx512bw;-mavx512vl;-mavx512dq;-mavx512vnni;-mavx512bf16;-mfma;-mf16c;-ffp-contract=off;$<$<CXX_COMPILER_ID:GNU>:-Wno-uninitialized;-Wno-maybe-uninitialized>")
# (g++ 12 warns about its own avx512 headers: they start "undefined" registers from themselves.)

# Code of an ISA file must not become the program's copy of a shared inline function.
add_test(NAME backend_isa_symbols
  COMMAND sh ${isa}/no_weak_symbols.sh $<TARGET_OBJECTS:g4_backend> COMMAND_EXPAND_LISTS)
set_tests_properties(backend_isa_symbols PROPERTIES LABELS unit)
