#include "app/answer_format.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace g4::app {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class FormatFlags : public testing::Test {
 protected:
  FormatFlags() : file_(fs::path(testing::TempDir()) / ("format-" + std::to_string(getpid()))) {}
  ~FormatFlags() override { fs::remove(file_); }

  std::string file(const std::string& text) const {
    std::ofstream(file_) << text;
    return file_.string();
  }

  static std::string fault(const FormatArguments& arguments) {
    const auto format = read_format(arguments);
    return format ? "none" : format.error().message;
  }

 private:
  const fs::path file_;
};

TEST_F(FormatFlags, SayNothingIfAbsent) {
  const auto format = read_format({});
  ASSERT_TRUE(format);
  EXPECT_FALSE(format->form);
}

TEST_F(FormatFlags, TakeASchemaAsTextOrFile) {
  const std::string schema = R"({"type":"integer"})";
  for (const std::string& said : {" \n" + schema, file(schema)}) {
    const auto format = read_format({.json_schema = said, .grammar = {}});
    ASSERT_TRUE(format) << format.error().message;
    const auto& found = std::get<grammar::JsonSchema>(format->form->answer);
    EXPECT_EQ(boost::json::serialize(found.schema), schema);
    EXPECT_TRUE(format->is_told);
  }
}

TEST_F(FormatFlags, TakeAGrammarFromItsFile) {
  const auto format = read_format({.json_schema = {}, .grammar = file("root ::= \"a\"")});
  ASSERT_TRUE(format) << format.error().message;
  EXPECT_EQ(std::get<grammar::ClientGrammar>(format->form->answer).text, "root ::= \"a\"");
}

TEST_F(FormatFlags, SayWhatIsWrongBeforeAModelIsAsked) {
  EXPECT_EQ(fault({.json_schema = "/nowhere", .grammar = {}}),
            "--json-schema: cannot read /nowhere");
  EXPECT_EQ(fault({.json_schema = "{\"a\"", .grammar = {}}),
            "--json-schema: the schema is not valid JSON: incomplete JSON at byte 4");
  EXPECT_EQ(fault({.json_schema = R"({"properties": {"a": {"type": "text"}}})", .grammar = {}}),
            "--json-schema: #/properties/a/type: a type is null, boolean, integer, number, string, "
            "array or object, or a list of these");
  EXPECT_EQ(fault({.json_schema = file("[1]"), .grammar = {}}),
            "--json-schema: #: a schema is an object, true or false");
  EXPECT_EQ(fault({.json_schema = {}, .grammar = file("root ::= other")}),
            "--grammar: line 1: other is not defined");
}

}  // namespace
}  // namespace g4::app
