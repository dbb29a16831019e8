# The scripted server needs, as gemma4 does, these programs beside it.
foreach(helper decoder grammar_probe)
  if(TARGET scripted_server AND TARGET ${helper})
    add_dependencies(scripted_server ${helper})
  endif()
endforeach()
