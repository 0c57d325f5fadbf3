#!/usr/bin/env bash
# demo.sh HOME: indexes examples/corpus into a home of its own and asks the questions in examples/questions.txt.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
docent=${DOCENT_BIN:-${CARGO_TARGET_DIR:-$root/target}/release/docent}
export DOCENT_HOME=$1

"$docent" add "$root/examples/corpus"
while IFS= read -r question; do
  [[ -z $question || $question == \#* ]] && continue
  printf '\n> docent ask "%s"\n\n' "$question"
  # 3: the corpus does not answer it. It is no failure of the demo, but one to look at.
  "$docent" ask "$question" || { status=$?; ((status == 3)) || exit "$status"; }
done <"$root/examples/questions.txt"
printf '\nAsk it something else:  DOCENT_HOME=%q %q ask "..."\n' "$DOCENT_HOME" "$docent"
