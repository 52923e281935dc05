#!/usr/bin/env bash
# A backup by hand, with the options that Tidemark uses:  bare-backup.sh DEFAULTS_FILE FOLDER
# FOLDER is made, and has backup.zst at the end, synced.
set -euo pipefail
defaults_file=$1 folder=$2

mkdir -p "$folder"
mariadb-backup --defaults-file="$defaults_file" --backup --stream=xbstream --parallel=4 \
  --target-dir="$folder/scratch" --extra-lsndir="$folder/facts" --open-files-limit=65535 \
  --innodb-log-checkpoint-now=ON --user="$(id -un)" 2>"$folder/log" |
  zstd -c -q -1 -T0 >"$folder/backup.zst"
sync "$folder/backup.zst"
