#!/usr/bin/env bash
# A backup by hand, with the options that Tidemark uses:  bare-backup.sh DEFAULTS_FILE FOLDER [RECIPIENT [LSN]]
# FOLDER is made, and has the file `backup` at the end, synced; with a RECIPIENT, encrypted for it; with an
# LSN, only what was changed since. Prints the
# milliseconds of each step.
set -euo pipefail
defaults_file=$1 folder=$2 recipient=${3:-} lsn=${4:-}

now() { date +%s%3N; }
begun=$(now)
lap() { printf '%s %s\n' "$1" $(($(now) - begun)) && begun=$(now); }
compress() { if [[ -n $recipient ]]; then zstd -c -q -1 -T0 | age -r "$recipient"; else exec zstd -c -q -1 -T0; fi; }

mkdir -p "$folder"
mariadb-backup --defaults-file="$defaults_file" --backup --stream=xbstream --parallel=4 \
  --target-dir="$folder/scratch" --extra-lsndir="$folder/facts" --open-files-limit=65535 \
  --innodb-log-checkpoint-now=ON --user="$(id -un)" ${lsn:+--incremental-lsn="$lsn"} 2>"$folder/log" |
  compress >"$folder/backup"
lap pipe
sync "$folder/backup"
lap sync
