# Whoever builds the server gets its decoder and its grammar probe beside it.
foreach(helper decoder grammar_probe)
  if(TARGET gemma4 AND TARGET ${helper})
    add_dependencies(gemma4 ${helper})
  endif()
endforeach()
