# Programs that are built with Go, each in the cache under its version.

# A new folder in the cache for something unfinished; what an interrupted setup left there is removed.
new_folder() {
  rm -rf "$cache/.$1"-*
  mktemp -d "$cache/.$1-XXXXXX"
}

# keep_program NAME VERSION FILE: puts a finished program under its real name in one step.
keep_program() {
  mkdir -p "$cache/$1-$2/bin"
  chmod 755 "$3"
  mv -f "$3" "$cache/$1-$2/bin/$1"
}

# build_program NAME VERSION PACKAGE
build_program() {
  local temporary
  temporary=$(new_folder "$1")
  GOBIN=$temporary go install "$3@v$2"
  keep_program "$1" "$2" "$temporary/$1"
  rm -rf "$temporary"
}

# Servers for tests and for the demo: wished for, not needed. Where they cannot be built, what needs them is skipped
# and says so.
#
#   set_up_server NAME VERSION PACKAGE
set_up_server() {
  [ -n "$dev" ] || return 0
  if have "$1"; then
    there "$1: $(command -v "$1")"
    return
  fi
  if ! have go; then
    there "$1: not there, and no Go to build it with; what needs it is skipped"
    return
  fi
  # A failure here is told, and is not the end.
  set +e
  (step "Building $1 $2 with Go; this takes a minute or two" \
    "put $1 $2 on the PATH; without it, what needs it is skipped" build_program "$@")
  set -e
}
