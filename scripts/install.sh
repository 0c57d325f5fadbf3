#!/usr/bin/env bash
# install.sh BINARY PREFIX | install.sh --remove PREFIX
#
# The native libraries go to PREFIX/lib/docent, where the binary looks for them. The systemd unit is a user's: it is put
# where systemd looks for those of this prefix (~/.local/share/systemd/user, /usr/lib/systemd/user).
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
prefix=$2
units=$prefix/share/systemd/user
home=${prefix#"${DESTDIR:-}"} # where it will be once a package is unpacked
[[ $home == /usr || $home == /usr/local ]] && units=$prefix/lib/systemd/user
bash_completions=$prefix/share/bash-completion/completions
zsh_completions=$prefix/share/zsh/site-functions
fish_completions=$prefix/share/fish/vendor_completions.d

if [[ $1 == --remove ]]; then
  rm -f "$prefix/bin/docent" "$bash_completions/docent" "$zsh_completions/_docent" "$fish_completions/docent.fish" \
    "$prefix"/share/man/man1/docent.1 "$prefix"/share/man/man1/docent-*.1 "$units/docent.service"
  rm -rf "$prefix/lib/docent"
  echo "removed docent from $prefix; models and indexes are where they were"
  exit 0
fi

binary=$1
install -Dm755 "$binary" "$prefix/bin/docent"
mkdir -p "$prefix/share/man/man1" "$bash_completions" "$zsh_completions" "$fish_completions"
"$binary" man "$prefix/share/man/man1" >/dev/null
"$binary" completions bash >"$bash_completions/docent"
"$binary" completions zsh >"$zsh_completions/_docent"
"$binary" completions fish >"$fish_completions/docent.fish"
mkdir -p "$units"
sed "s|@BINARY@|$home/bin/docent|" "$root/contrib/docent.service" >"$units/docent.service"
models=${DOCENT_MODELS:-}
for library in "$models"/onnxruntime/libonnxruntime.so.* "$models"/pdfium/libpdfium.so; do
  if [[ -f $library ]]; then install -Dm755 "$library" "$prefix/lib/docent/$(basename "$library")"; fi
done
echo "installed $("$prefix/bin/docent" --version) to $prefix/bin/docent"
case ":$PATH:" in *":$prefix/bin:"*) ;; *) echo "add $prefix/bin to your PATH" ;; esac
echo "to keep an index up to date: docent add FOLDER, then systemctl --user enable --now docent"
