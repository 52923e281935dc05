#!/usr/bin/env bash
# A restore by hand, with the steps and options that Tidemark uses:
#   bare-restore.sh BACKUP DEFAULTS_FILE DATA_DIRECTORY SOCKET PID_FILE [IDENTITY] [CURL_CONFIG]
# BACKUP is a file, or an address, which curl fetches with the options in the file CURL_CONFIG. It is opened with the age
# identities in the file IDENTITY, unless that is empty. The replaced data directory stays beside the new one, as
# .replaced. Prints the milliseconds of each step.
set -euo pipefail
backup=$1 defaults_file=$2 data=$3 socket=$4 pid_file=$5 identity=${6:-} curl_config=${7:-}
staging=$data.staging
owner=$(stat -c %U "$data")

now() { date +%s%3N; }
begun=$(now)
lap() { printf '%s %s\n' "$1" $(($(now) - begun)) && begun=$(now); }
until_serving() { until mariadb-admin --no-defaults --socket="$1" --silent ping >/dev/null 2>&1; do sleep 0.02; done; }
# Whoever killed it or started it: it has ended when its process id is nobody's any more.
until_gone() { while kill -0 "$1" 2>/dev/null; do sleep 0.02; done; }

rm -rf "$staging" "$data.replaced"
mkdir -m 700 "$staging"
unpack() { zstd -d -q -c | mbstream -x -p 4 -C "$staging"; }
extract() { if [[ -n $identity ]]; then age -d -i "$identity" | unpack; else unpack; fi; }
if [[ $backup == *://* ]]; then
  curl -sSf -K "$curl_config" "$backup" | extract
else
  extract <"$backup"
fi
lap extract

used=$(du -sk "$staging" | cut -f1)
available=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo)
memory=$((available / 2 < used + 131072 ? available / 2 : used + 131072))
mariadb-backup --prepare --use-memory="${memory}K" --target-dir="$staging" 2>"$staging.log"
chown -R "$owner:" "$staging"
lap prepare

mariadbd --defaults-file="$defaults_file" --user="$owner" --datadir="$staging" --socket="$staging/s" \
  --pid-file="$staging/pid" --log-error="$staging/log" --skip-networking --skip-log-bin --event-scheduler=OFF \
  --innodb-buffer-pool-size="$((available / 4 < 1048576 ? available / 4 : 1048576))K" &
private=$!
until_serving "$staging/s"
mariadb-admin --no-defaults --socket="$staging/s" shutdown
wait "$private"
rm -f "$staging/log" "$staging/pid"
lap check

sync -f "$staging"
lap sync

target=$(cat "$pid_file")
mariadb --no-defaults --socket="$socket" -e 'SET GLOBAL innodb_fast_shutdown = 2; SHUTDOWN'
until_gone "$target"
mv "$data" "$data.replaced"
mv "$staging" "$data"
setsid mariadbd --defaults-file="$defaults_file" --user="$owner" >/dev/null 2>&1 &
until_serving "$socket"
lap cut_over
