# Sizes and weights are compared bit for bit with transformers and Pillow, which round every product.
if(TARGET g4_media)
  target_compile_options(g4_media PRIVATE -ffp-contract=off)
endif()
