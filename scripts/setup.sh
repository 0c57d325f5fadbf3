#!/usr/bin/env bash
# setup.sh [test]: installs what building docent (with "test": testing it, too) needs and this machine lacks. On Debian
# and its kin with apt-get, through sudo when not root; on other systems it says what to install. Nothing is touched when
# nothing is missing.
set -euo pipefail

missing=()
need() { # package, test
  if ! eval "$2" >/dev/null 2>&1; then missing+=("$1"); fi
}

has_libclang() {
  local pattern
  for pattern in "${LIBCLANG_PATH:-/nowhere}/libclang*" '/usr/lib/llvm-*/lib/libclang*.so*' '/usr/lib*/libclang*.so*' \
    '/usr/lib/*/libclang*.so*' '/usr/local/lib/libclang*' '/opt/homebrew/opt/llvm/lib/libclang*' \
    '/Library/Developer/CommandLineTools/usr/lib/libclang*'; do
    compgen -G "$pattern" && return
  done
  return 1
}

has_protobuf_types() {
  local folder
  for folder in "${PROTOC_INCLUDE:-/nowhere}" "$(dirname "$(command -v protoc || echo /nowhere)")/../include" /usr/include; do
    [[ -e $folder/google/protobuf/any.proto ]] && return
  done
  return 1
}

need cmake "command -v cmake"
need clang "command -v clang"
need libclang-dev has_libclang
need g++ "command -v c++"
need make "command -v make"
need pkg-config "command -v pkg-config"
need protobuf-compiler "command -v protoc"
# protoc's own types (google/protobuf/any.proto and others), which Debian packs apart from it.
need libprotobuf-dev has_protobuf_types
need python3-venv "python3 -c 'import venv, ensurepip'"
if [[ ${1:-} == test ]]; then
  need strace "command -v strace"
  need faketime "command -v faketime"
  need poppler-utils "command -v pdftotext"
fi

if ! command -v cargo >/dev/null; then
  echo "setup: cargo is missing: install a Rust toolchain (1.95 or newer) with rustup" >&2
  exit 1
fi
((${#missing[@]} == 0)) && exit 0

if ! command -v apt-get >/dev/null; then
  echo "setup: install what these Debian packages hold, then run this again: ${missing[*]}" >&2
  exit 1
fi
as_root=()
if ((EUID != 0)); then
  command -v sudo >/dev/null || { echo "setup: as root, run: apt-get install ${missing[*]}" >&2; exit 1; }
  as_root=(sudo)
fi
echo "setup: installing ${missing[*]}" >&2
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
