#!/usr/bin/env bash
# dist.sh BINARY MODELS TARGET: a bundle TARGET.tar.gz that runs where it is unpacked: the binary finds its libraries in
# ../lib. Models are not in it (docent models pull or import).
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
binary=$1 models=$2 target=$3
rm -rf "$target"
mkdir -p "$target"/{bin,lib,licenses,man/man1,completions}
install -m755 "$binary" "$target/bin/docent"
# A quarter of the binary is symbol names that only a debugger reads.
if command -v strip >/dev/null; then strip "$target/bin/docent"; fi
install -m755 "$models"/onnxruntime/libonnxruntime.so.* "$models"/pdfium/libpdfium.so "$target/lib/"
install -m644 "$models/onnxruntime/LICENSE" "$target/licenses/onnxruntime-LICENSE"
install -m644 "$models/onnxruntime/ThirdPartyNotices.txt" "$target/licenses/onnxruntime-ThirdPartyNotices.txt"
install -m644 "$models/pdfium/LICENSES.txt" "$target/licenses/pdfium-LICENSES.txt"
for file in LICENSE-MIT LICENSE-APACHE README.md CHANGELOG.md; do
  if [[ -f $root/$file ]]; then install -m644 "$root/$file" "$target/"; fi
done
cp -r "$root/docs" "$target/"
(cd "$root" && "${CARGO:-cargo}" metadata --format-version 1 --locked --filter-platform "$(rustc -vV | sed -n 's/^host: //p')") |
  python3 "$root/scripts/third_party.py" >"$target/licenses/crates.txt"
"$binary" man "$target/man/man1" >/dev/null
for shell in bash zsh fish; do "$binary" completions "$shell" >"$target/completions/docent.$shell"; done
sed 's|@BINARY@|%h/docent/bin/docent|' "$root/contrib/docent.service" >"$target/docent.service"
# Same input, same archive: names in order, no times or owners of this machine.
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@"${SOURCE_DATE_EPOCH:-0}" \
  -C "$(dirname "$target")" -c "$(basename "$target")" | gzip -n9 >"$target.tar.gz"
rm -rf "$target"
echo "$target.tar.gz: $(du -m --apparent-size "$target.tar.gz" | cut -f1) MB"
