// One job of the decoder process: a request comes in on a socket, pictures or a sentence go out.
#pragma once

#include "base/result.h"
#include "decode/sandbox.h"

namespace g4::decode {

// Loads every library that serve_one() needs; the sandbox is entered in between.
Status start_libraries(const char* program);

// Called inside the sandbox, and tells the other end of what kind it is. False if that has gone or
// does not speak the protocol: there is nobody to tell.
bool serve_one(int socket, Landlock landlock);

}  // namespace g4::decode
