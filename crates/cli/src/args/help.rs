//! The examples below each `--help`.

pub(super) const DOCENT: &str = "\
Examples:
  docent add ~/Documents/policies
  docent search \"annual leave carried over\"
  docent ask \"How many days of annual leave can be carried over?\"
  docent watch

Exit codes:
  0  done, or answered
  1  failed
  2  wrong usage
  3  nothing found, or not answerable from these documents
  130  interrupted";

pub(super) const ADD: &str = "\
Examples:
  docent add ~/Documents
  docent add /srv/contracts --collection legal --include '*.pdf' --exclude 'drafts/**'
  docent add ~/Documents --dry-run

Files that a .docentignore file names (same rules as .gitignore) are left out. Nothing in the folders is changed.
Ctrl-C leaves a sound index; `docent index` goes on where it stopped.";

pub(super) const INDEX: &str = "\
Examples:
  docent index
  docent index --collection legal

Only what changed is read. Exits with 1 if a folder cannot be reached; its documents stay searchable.";

pub(super) const WATCH: &str = "\
Examples:
  docent watch
  systemctl --user enable --now docent

Ctrl-C or SIGTERM stops it; SIGTERM counts as a clean end (exit code 0).";

pub(super) const SEARCH: &str = "\
Examples:
  docent search annual leave
  docent search '\"notice period\"' --mode lexical
  docent search \"Wer bezahlt die Dienstreise?\" -k 3 --type pdf,docx --since 2024-01-01
  docent search 年假可以结转多少天 --collection hr --explain
  docent search invoice --json | jq -r '.hits[].path'

Words in double quotes must stand in the passage exactly, and so must codes such as ABC-1234.
Exits with 3 when nothing is found.";

pub(super) const ASK: &str = "\
Examples:
  docent ask \"How many days of annual leave can be carried over?\"
  docent ask \"差旅报销的截止时间是什么时候?\" --collection hr
  docent ask \"Who approves travel?\" --path 'policies/**' --json | tail -n 1

Exits with 3 when the documents hold no answer; the nearest passages are shown then.";

pub(super) const STATUS: &str = "\
Examples:
  docent status
  docent status --file ~/Documents/scan.pdf
  docent status --json";

pub(super) const CHECK: &str = "\
Examples:
  docent check
  docent check --repair

Exits with 1 as long as a difference is left.";

pub(super) const REMOVE: &str = "\
Examples:
  docent remove /srv/contracts";

pub(super) const COLLECTIONS: &str = "\
Examples:
  docent collections
  docent collections --json";

pub(super) const DOCTOR: &str = "\
Examples:
  docent doctor
  docent doctor --json

Exits with 1 if a check fails.";

pub(super) const EXTRACT: &str = "\
Examples:
  docent extract report.pdf
  docent extract costs.xlsx --blocks
  docent extract mail.eml --json | jq -r .text";

pub(super) const EVAL: &str = "\
Examples:
  docent eval --queries queries.jsonl --qrels qrels.tsv
  docent eval --queries queries.jsonl --qrels qrels.tsv --mode lexical --run lexical.run

A hit counts for its document, each document once. Means are over the queries that have a relevant document.";

pub(super) const MODELS: &str = "\
Examples:
  docent models list
  docent models pull
  docent models import /media/usb/models
  docent models use embedder multilingual-e5-small";

pub(super) const MODELS_LIST: &str = "\
Examples:
  docent models list
  docent models list --json";

pub(super) const MODELS_PULL: &str = "\
Examples:
  docent models pull
  docent models pull bge-m3
  HF_ENDPOINT=https://hub.example.com docent models pull

Needs a model hub; without one, use `docent models import`.";

pub(super) const MODELS_IMPORT: &str = "\
Examples:
  docent models import /media/usb/models
  docent models import ./qwen2.5-coder-0.5b-instruct-q4_k_m.gguf

Files are recognised by their sha256, whatever they are called.";

pub(super) const MODELS_USE: &str = "\
Examples:
  docent models use generator qwen2.5-coder-0.5b-instruct
  docent models use reranker none";

pub(super) const CONFIG: &str = "\
Examples:
  docent config
  docent config --default";

pub(super) const COMPLETIONS: &str = "\
Examples:
  docent completions bash > ~/.local/share/bash-completion/completions/docent
  docent completions zsh > ~/.zfunc/_docent
  docent completions fish > ~/.config/fish/completions/docent.fish";

pub(super) const MAN: &str = "\
Examples:
  docent man > docent.1
  docent man ~/.local/share/man/man1";
