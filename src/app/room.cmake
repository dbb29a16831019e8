# Whoever builds the server gets its decoder beside it.
if(TARGET gemma4 AND TARGET decoder)
  add_dependencies(gemma4 decoder)
endif()
