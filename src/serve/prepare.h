// What a conversation needs before it can be answered and HTTP threads must not do: its grammars
// compiled, its media seen.
#pragma once

#include <utility>

#include "api/conversation.h"
#include "serve/grammar_compiler.h"
#include "serve/media_reader.h"

namespace g4 {

struct Preparers {  // all outlive it
  GrammarCompiler& grammars;
  MediaReader& media;
};

// `then` gets the request or an error, on this thread or another.
template <class Request, class Then>
void prepare(const Preparers& preparers, Request request, Then then) {
  compile_grammars(preparers.grammars, std::move(request),
                   [&media = preparers.media, then](api::Parsed<Request> compiled) {
                     if (auto* error = std::get_if<api::ApiError>(&compiled))
                       return then(api::Parsed<Request>(*std::move(error)));
                     see_media(media, std::move(std::get<Request>(compiled)), then);
                   });
}

}  // namespace g4
