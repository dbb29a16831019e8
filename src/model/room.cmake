# By far the longest: a run of all tests begins with it.
if(TARGET model_test)
  set_tests_properties(model PROPERTIES COST 100)
endif()
