# What serve.sh and test.sh share; sourced from the repository root.

# Debian 12 packages of the build. Those for tests only are added by test.sh.
build_packages=(g++ cmake ninja-build ccache pkg-config libboost1.81-dev libboost-json1.81-dev
  libssl-dev libcurl4-openssl-dev libutf8proc-dev libfmt-dev libspdlog-dev libcli11-dev libedit-dev prometheus-cpp-dev
  libvips-dev libavformat-dev libavcodec-dev libavutil-dev libswscale-dev libseccomp-dev
  libgtest-dev libgmock-dev librapidcheck-dev ca-certificates)

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Installs those of the named packages that are missing; asks for nothing if none is.
install_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' ||
      missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  echo "installing ${missing[*]}"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq &&
    as_root env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# A cargo with a rustc of 1.87 or later, for llguidance (src/grammar/room.cmake looks for it in the
# same way). Debian 12's own `cargo` is older, its `cargo-web` is not.
install_rust() {
  local folder version
  while IFS= read -r -d : folder; do
    [ -x "$folder/cargo" ] || continue
    version=$("$folder/rustc" --version 2>/dev/null | cut -d ' ' -f 2) || continue
    [ -n "$version" ] && printf '1.87\n%s\n' "$version" | sort -V -C && return 0
  done <<<"$PATH:/usr/bin:"
  install_packages rustc-web cargo-web
}

# A python3 with pip, for models that come in Python packages.
install_python() {
  command -v python3 >/dev/null || install_packages python3 || return
  python3 -m pip --version >/dev/null 2>&1 || install_packages python3-pip
}

# build PRESET TARGET...: configures once, then builds (no target: everything).
build() {
  local preset=$1
  shift
  cmake --preset "$preset" >"build-$preset.log" 2>&1 || { cat "build-$preset.log"; return 1; }
  rm -f "build-$preset.log"
  local targets=()
  [ $# -gt 0 ] && targets=(--target "$@")
  cmake --build --preset "$preset" --parallel "$(nproc)" "${targets[@]}"
}
