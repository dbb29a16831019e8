# Whoever builds the server gets the programs that it starts beside it.
foreach(helper decoder grammar_probe)
  if(TARGET gemma4 AND TARGET ${helper})
    add_dependencies(gemma4 ${helper})
  endif()
endforeach()

# Most of a command's compile time is CLI11, which has all of itself in headers: all in one go.
if(TARGET g4_app)
  file(GLOB commands src/app/*_command.cpp)
  set_source_files_properties(${commands} src/app/options.cpp PROPERTIES UNITY_GROUP commands)
  set_target_properties(g4_app PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
endif()
