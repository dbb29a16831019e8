# Room `decode` holds the program that decodes foreign files, and the tests of it and of its client.
if(TARGET decoder)
  set_target_properties(decoder PROPERTIES OUTPUT_NAME gemma4-decoder)
  add_dependencies(decode_test decoder sandbox_probe)
endif()
