// One job of the decoder process: a request comes in on a socket, pictures or a sentence go out.
#pragma once

#include "base/result.h"

namespace g4::decode {

// Loads every library that serve_one() needs; the sandbox is entered in between.
Status start_libraries(const char* program);

// False if the other end has gone or does not speak the protocol: there is nobody to tell.
bool serve_one(int socket);

}  // namespace g4::decode
