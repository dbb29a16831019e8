// Whether an answer is what a JSON schema asks for, as valijson sees it.
#pragma once

#include <fmt/format.h>

#include <boost/json.hpp>
#include <string>
#include <string_view>

// g++ 12 sees overlapping copies in its pointers, where there are none.
#ifndef __clang__
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wrestrict"
#endif
#include <valijson/adapters/boost_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>
#ifndef __clang__
#pragma GCC diagnostic pop
#endif

namespace g4::grammar::test {

inline boost::json::parse_options deep_json() {
  boost::json::parse_options options;
  options.max_depth = 200;
  return options;
}

inline boost::json::value parse_json(std::string_view text) {
  return boost::json::parse(boost::json::string_view(text.data(), text.size()), {}, deep_json());
}

// Nothing, or what is wrong with the answer.
inline std::string complaint(const boost::json::value& schema, std::string_view answer) {
  boost::json::error_code failure;
  const boost::json::value value = boost::json::parse(
      boost::json::string_view(answer.data(), answer.size()), failure, {}, deep_json());
  // JSON knows no bounds of numbers, Boost.JSON does.
  if (failure == boost::json::error::exponent_overflow) return "";
  if (failure) return fmt::format("no JSON: {}", failure.message());
  using valijson::adapters::BoostJsonAdapter;
  valijson::Schema compiled;
  valijson::SchemaParser parser;
  parser.populateSchema(BoostJsonAdapter(schema), compiled);
  valijson::Validator validator;
  valijson::ValidationResults results;
  if (validator.validate(compiled, BoostJsonAdapter(value), &results)) return "";
  valijson::ValidationResults::Error error;
  std::string all = "it does not satisfy the schema";
  while (results.popError(error)) all.append("; ").append(error.description);
  return all;
}

}  // namespace g4::grammar::test
