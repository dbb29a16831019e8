# A fused multiply-add rounds once where the formats define two roundings.
set_source_files_properties(${CMAKE_SOURCE_DIR}/src/tensor/dtype.cpp
  PROPERTIES COMPILE_OPTIONS -ffp-contract=off)
