# What the scripts share: where things lie, how a step is told, and the PATH that programs are found on.
# Written for bash 3.2, which macOS has.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cache=${TIDEMARK_CACHE:-$HOME/.cache/tidemark}
temporal_version=1.5.1
versitygw_version=1.8.0
fake_gcs_version=1.56.1
quiet=${quiet:-}

# node_modules/.bin first, so that a linked Node is taken; the cache's programs after one that is on the PATH;
# the folders where Debian has mariadbd last.
export PATH="$root/node_modules/.bin:$PATH:$cache/temporal-$temporal_version/bin:$cache/versitygw-$versitygw_version/bin:$cache/fake-gcs-server-$fake_gcs_version/bin:/usr/local/sbin:/usr/sbin:/sbin"

have() { command -v "$1" >/dev/null 2>&1; }

# Says what is already there; with --quiet, nothing.
there() { [ -n "$quiet" ] || printf '  %s\n' "$1" >&2; }

# fail WHAT WHY TO-DO: ends the script.
fail() {
  printf '\n✗ %s failed.\n  Why: %s\n  What to do: %s\n' "$1" "$2" "$3" >&2
  exit 1
}

# step WHAT TO-DO COMMAND…: runs a command with its output in a log, says what is done and how long it took. A
# failure shows the end of the log, and what to do.
step() {
  local what=$1 todo=$2 log start=$SECONDS status
  shift 2
  log=$(mktemp "${TMPDIR:-/tmp}/tidemark-setup.XXXXXX")
  printf '▸ %s …\n' "$what" >&2
  # The lock's descriptor stays ours: a daemon that a package starts would keep the lock for ever.
  # In a shell of its own, and outside of any condition, so that the first command that fails ends it.
  set +e
  (set -e && "$@") >"$log" 2>&1 </dev/null 9>&-
  status=$?
  set -e
  if [ "$status" -ne 0 ]; then
    local why
    why="exit code $status. The last lines were:
$(tail -n 15 "$log" | sed 's/^/    /')"
    rm -f "$log"
    fail "$what" "$why" "$todo"
  fi
  rm -f "$log"
  printf '  done in %s s\n' "$((SECONDS - start))" >&2
}

# One setup at a time: a second one waits, and then finds everything done. The lock ends with its process, however
# that ends. Perl stands in on systems without flock(1).
take_lock() {
  mkdir -p "$cache" || fail 'Making the cache folder' "$cache cannot be made" 'set TIDEMARK_CACHE to a folder that can be written'
  exec 9>"$cache/setup.lock"
  if have flock; then
    flock -n 9 || { printf '▸ Waiting for another setup …\n' >&2; flock 9; }
  else
    perl -e 'open(my $lock, ">&=", 9) or die; flock($lock, 2) or die'
  fi
}

# The system's certificates count too: where a proxy signs with one of its own, Node's own list does not do.
export NODE_USE_SYSTEM_CA=1

# Stripping the types and compiling take a third of a start's time: Node keeps what came of it.
export NODE_COMPILE_CACHE=${NODE_COMPILE_CACHE:-$cache/compiled}

# Left alone, glibc keeps what was freed, for each of some twenty threads: 30 MiB for each of our processes. The programs
# that an agent starts see nothing of it (mariadb/processes/environment.ts).
export MALLOC_ARENA_MAX=${MALLOC_ARENA_MAX:-2} MALLOC_MMAP_THRESHOLD_=${MALLOC_MMAP_THRESHOLD_:-1048576}

# Runs a command as root; only called where may_be_root succeeded.
as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi; }
may_be_root() { [ "$(id -u)" -eq 0 ] || { have sudo && sudo -n true 2>/dev/null; }; }
