// gemma4 tokenize MODEL [TEXT]: token ids and their spellings; no weights are read.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/json.hpp>

#include "app/commands.h"
#include "app/models_folder.h"
#include "app/options.h"
#include "runner/vocabulary.h"
#include "weights/checkpoint.h"

namespace g4::app {
namespace {

namespace json = boost::json;

struct TokenizeArguments {
  std::string model;
  std::optional<std::string> text;
  std::vector<TokenId> decode;
  bool parse_special = false;
  bool bos = false;
  bool json = false;
};

// A token's bytes as text: what is no UTF-8 by itself is shown as <0xE2>.
std::string shown(const Tokenizer& tokenizer, TokenId id) {
  const std::string_view bytes = tokenizer.bytes(id);
  StreamingDetokenizer check;
  std::string text = check.push(bytes);
  text += check.finish();
  if (text == bytes) return text;
  std::string hex;
  for (const char byte : bytes) hex += fmt::format("<0x{:02X}>", static_cast<unsigned char>(byte));
  return hex;
}

Result<int> run(const TokenizeArguments& arguments) {
  const std::filesystem::path path = G4_TRY(find_model(arguments.model));
  const Checkpoint checkpoint = G4_TRY(Checkpoint::open(path.string()));
  const Tokenizer tokenizer = G4_TRY(load_tokenizer(checkpoint));
  if (!arguments.decode.empty()) {
    for (const TokenId id : arguments.decode)
      if (id < 0 || static_cast<std::size_t>(id) >= tokenizer.size())
        return Error{
            fmt::format("there is no token {}: expected 0 to {}", id, tokenizer.size() - 1)};
    const std::string text = tokenizer.decode(arguments.decode, false);
    fmt::print("{}\n", arguments.json ? json::serialize(json::object{{"text", text}}) : text);
    return 0;
  }
  const std::string text = G4_TRY(text_or_stdin(arguments.text));
  std::vector<TokenId> ids = tokenizer.encode(
      text, arguments.parse_special ? Tokenizer::Special::kParse : Tokenizer::Special::kText);
  if (arguments.bos && tokenizer.bos()) ids.insert(ids.begin(), *tokenizer.bos());
  if (arguments.json) {
    json::array tokens, pieces;
    for (const TokenId id : ids) {
      tokens.emplace_back(id);
      pieces.emplace_back(shown(tokenizer, id));
    }
    fmt::print("{}\n", json::serialize(json::object{{"tokens", tokens}, {"pieces", pieces}}));
    return 0;
  }
  for (const TokenId id : ids)
    fmt::print("{:>7} {}\n", id, json::serialize(json::string(shown(tokenizer, id))));
  return 0;
}

}  // namespace

void add_tokenize_command(CLI::App& app, Run& chosen) {
  const auto arguments = std::make_shared<TokenizeArguments>();
  CLI::App* command = app.add_subcommand("tokenize", "Text to token ids and back");
  command->add_option("MODEL", arguments->model, "File, folder, hf:owner/repo or catalogue name")
      ->required();
  command->add_option("TEXT", arguments->text, "What to tokenize (absent: standard input)");
  command->add_option("--decode", arguments->decode, "Ids to turn into text instead")
      ->delimiter(',');
  command->add_flag("--special", arguments->parse_special,
                    "Spellings of special tokens become those tokens");
  command->add_flag("--bos", arguments->bos, "Begin with <bos>");
  command->add_flag("--json", arguments->json, "One JSON object: tokens and pieces");
  command->callback([arguments, &chosen] {
    chosen = [arguments] {
      const Result<int> code = run(*arguments);
      return code ? *code : fail(code.error());
    };
  });
}

}  // namespace g4::app
