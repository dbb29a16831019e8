#include "grammar/formats.h"

#include <cassert>
#include <unordered_map>

namespace g4::grammar {
namespace {

#define G4_DATE                                                                                    \
  "[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-" \
  "9]|1[0-9]|2[0-8]))"
#define G4_TIME \
  "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
#define G4_LABEL "[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
#define G4_HOST G4_LABEL "(\\." G4_LABEL ")*"
#define G4_BYTE "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
#define G4_PATH "([a-zA-Z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})"
#define G4_HEX "[0-9a-fA-F]{1,4}"
#define G4_EMAIL "[a-zA-Z0-9_%+-]+(\\.[a-zA-Z0-9_%+-]+)*@" G4_LABEL "(\\." G4_LABEL ")+"
#define G4_QUERY "(\\?(" G4_PATH "|[\\/?])*)?(#(" G4_PATH "|[\\/?])*)?"
#define G4_URI                                                                          \
  "[a-zA-Z][a-zA-Z0-9+.-]*:(\\/\\/" G4_HOST "(:[0-9]{1,5})?(\\/" G4_PATH "*)*|" G4_PATH \
  "+)" G4_QUERY
// A colon in the first part would make that a scheme.
#define G4_REFERENCE G4_URI "|(\\/|\\.{1,2}\\/)?([a-zA-Z0-9._~-]+(\\/" G4_PATH "*)*)?" G4_QUERY
#define G4_POINTER "(\\/([^~\\/]|~[01])*)*"

const std::unordered_map<std::string_view, std::string_view>& patterns() {
  static const std::unordered_map<std::string_view, std::string_view> kPatterns{
      {"date", G4_DATE},
      {"time", G4_TIME},
      {"date-time", G4_DATE "T" G4_TIME},
      {"duration",
       "P([0-9]+W|[0-9]+Y([0-9]+M([0-9]+D)?)?(T[0-9]+H([0-9]+M([0-9]+S)?)?)?|[0-9]+M("
       "[0-9]+D)?|[0-9]+D(T[0-9]+H([0-9]+M([0-9]+S)?)?)?|T([0-9]+H([0-9]+M([0-9]+S)?)?"
       "|[0-9]+M([0-9]+S)?|[0-9]+S))"},
      {"email", G4_EMAIL},
      {"idn-email", G4_EMAIL},
      {"hostname", G4_HOST},
      {"idn-hostname", G4_HOST},
      {"ipv4", G4_BYTE "(\\." G4_BYTE "){3}"},
      {"ipv6", G4_HEX "(:" G4_HEX "){7}|::(" G4_HEX "(:" G4_HEX "){0,6})?|" G4_HEX "::(" G4_HEX
                      "(:" G4_HEX "){0,5})?|" G4_HEX ":" G4_HEX "::(" G4_HEX "(:" G4_HEX
                      "){0,4})?|" G4_HEX "(:" G4_HEX "){2}::(" G4_HEX "(:" G4_HEX "){0,3})?|" G4_HEX
                      "(:" G4_HEX "){3}::(" G4_HEX "(:" G4_HEX "){0,2})?"},
      {"uuid", "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"},
      {"uri", G4_URI},
      {"iri", G4_URI},
      {"uri-reference", G4_REFERENCE},
      {"iri-reference", G4_REFERENCE},
      {"uri-template", "([a-zA-Z0-9._~:\\/?#@&=,;-]|\\{[a-zA-Z_][a-zA-Z0-9_]*\\})*"},
      {"json-pointer", G4_POINTER},
      {"relative-json-pointer", "(0|[1-9][0-9]*)(#|" G4_POINTER ")"},
      // Characters, classes and groups of them, each perhaps repeated.
      {"regex",
       "\\^?(([a-zA-Z0-9 _:;=@#%&<>!\"',~\\/-]|\\.|\\\\[dDwWsS.*+?()|^$\\\\]|\\[\\^?([a-zA-Z0-9_ "
       ".@]|"
       "\\\\[dws]|a-z|A-Z|0-9)+\\]|\\((\\?:)?[a-zA-Z0-9_ .|]+\\))[*+?]?)*\\$?"},
  };
  return kPatterns;
}

}  // namespace

std::string_view format_pattern(std::string_view name) {
  const auto found = patterns().find(name);
  assert(found != patterns().end());
  return found->second;
}

}  // namespace g4::grammar
