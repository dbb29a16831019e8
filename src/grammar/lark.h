// Pieces of Lark text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace g4::grammar {

std::string lark_string(std::string_view text);         // "text", in quotes and escaped
std::string lark_token(TokenId id);                     // <[48]>: that token
std::string lark_but(const std::vector<TokenId>& ids);  // <[^1,50,106]>: any token but these

}  // namespace g4::grammar
