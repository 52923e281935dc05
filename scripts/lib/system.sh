# Programs that come from the system's packages: MariaDB and its tools, zstd, age; for tests, PostgreSQL and a browser.

# The package that a missing program comes in, as Debian calls it.
wanted_programs='mariadbd:mariadb-server mariadb-backup:mariadb-backup mbstream:mariadb-backup mariadb:mariadb-client zstd:zstd age:age'

# PostgreSQL's programs are not on Debian's PATH.
have_postgresql() {
  local program
  for program in "$(command -v initdb || true)" /usr/lib/postgresql/*/bin/initdb; do
    [ ! -x "$program" ] || return 0
  done
  return 1
}

# Sets `missing`: Debian's names of the packages that are needed, each once.
find_missing() {
  local pair
  missing=
  for pair in $wanted_programs; do
    have "${pair%%:*}" && continue
    case " $missing " in *" ${pair#*:} "*) ;; *) missing="$missing ${pair#*:}" ;; esac
  done
  if [ -n "$dev" ] && ! have_postgresql; then missing="$missing postgresql"; fi
  missing=${missing# }
}

# Words, each once, in one line.
unique() { tr ' ' '\n' | sort -u | paste -s -d ' ' -; }

# The command that installs what is missing on the system at hand.
install_command() {
  local names=$missing
  if have apt-get; then
    echo "apt-get install $names"
  elif have brew; then
    names=$(sed 's/mariadb-[a-z]*/mariadb/g' <<<"$names" | unique)
    echo "brew install $names"
  elif have dnf; then
    echo "dnf install $(sed 's/mariadb-client/mariadb/;s/postgresql/postgresql-server/' <<<"$names")"
  elif have pacman; then
    names=$(sed 's/mariadb-[sb][a-z]*/mariadb/g;s/mariadb-client/mariadb-clients/' <<<"$names" | unique)
    echo "pacman -S $names"
  elif have apk; then
    echo "apk add $(sed 's/mariadb-server/mariadb/' <<<"$names")"
  elif have zypper; then
    echo "zypper install $(sed 's/mariadb-server/mariadb/;s/mariadb-backup/mariadb-tools/;s/postgresql/postgresql-server/' <<<"$names")"
  else
    echo "your system's package manager, for: $names"
  fi
}

# --- No server may start because we installed its package -----------------------------------------------------------
# Debian asks /usr/sbin/policy-rc.d before a package starts a service. Ours refuses the services that were not
# running before, and hands every other question to the one that was there. It is removed again in every case; one
# that a killed setup left is found by its mark.

policy=/usr/sbin/policy-rc.d
policy_before=$policy.before-tidemark
policy_mark='# Written by the setup of Tidemark while it installs packages.'

policy_is_ours() { [ -f "$policy" ] && grep -qF "$policy_mark" "$policy" 2>/dev/null; }

restore_policy() {
  policy_is_ours || return 0
  if [ -e "$policy_before" ]; then as_root mv -f "$policy_before" "$policy"; else as_root rm -f "$policy"; fi
}

write_policy() {
  local running=$1 service refused='' text
  restore_policy
  for service in mariadb mysql postgresql; do
    case " $running " in *" $service "*) ;; *) refused="$refused|$service|$service@*|$service.service" ;; esac
  done
  [ -n "$refused" ] || return 0
  text="#!/bin/sh
$policy_mark
case \"\$1\" in ${refused#|}) exit 101 ;; esac
[ -x $policy_before ] && exec $policy_before \"\$@\"
exit 0"
  if [ -e "$policy" ]; then as_root cp -p "$policy" "$policy_before"; else as_root rm -f "$policy_before"; fi
  printf '%s\n' "$text" | as_root tee "$policy.new" >/dev/null
  as_root chmod 755 "$policy.new"
  as_root mv -f "$policy.new" "$policy"
}

# Names of the services that run now.
running_services() {
  local names=''
  if pgrep -x mariadbd >/dev/null || pgrep -x mysqld >/dev/null; then names='mariadb mysql'; fi
  if pgrep -x postgres >/dev/null; then names="$names postgresql"; fi
  echo "$names"
}

# What a package set up to start with the machine is not to.
disable_service() {
  if [ -d /run/systemd/system ]; then
    as_root systemctl disable --now "$1" || true
  elif have update-rc.d; then
    as_root update-rc.d "$1" disable || true
  fi
}

apt() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold "$@"
}

# Installs with the list of packages that is there; when that fails, with a new one.
apt_install() {
  # An installation that was interrupted is finished first: dpkg refuses everything else until then.
  as_root env DEBIAN_FRONTEND=noninteractive dpkg --force-confold --configure -a
  # shellcheck disable=SC2086 # a list of names
  apt -y --no-install-recommends install $missing || { apt update && apt -y --no-install-recommends install $missing; }
}

install_missing() {
  local running had_mariadb=yes had_clusters
  running=$(running_services)
  have mariadbd || had_mariadb=
  had_clusters=$(ls -d /etc/postgresql/*/* 2>/dev/null || true)
  trap restore_policy EXIT
  trap 'exit 130' INT TERM HUP
  write_policy "$running"
  apt_install
  restore_policy
  [ -n "$had_mariadb" ] || disable_service mariadb
  case " $missing " in
    *' postgresql '*)
      # The package makes a cluster, empty and stopped. Programs alone are wanted.
      local cluster
      for cluster in /etc/postgresql/*/*; do
        [ -d "$cluster" ] || continue
        case "$had_clusters" in *"$cluster"*) continue ;; esac
        as_root pg_dropcluster --stop "$(basename "$(dirname "$cluster")")" "$(basename "$cluster")"
      done
      [ -n "$had_clusters" ] || disable_service postgresql
      ;;
  esac
}

set_up_system() {
  if policy_is_ours && may_be_root; then restore_policy; fi
  find_missing
  if [ -z "$missing" ]; then
    there "MariaDB and its tools, zstd, age${dev:+, PostgreSQL}: there"
    return
  fi
  if have apt-get && may_be_root; then
    # In a shell of its own, whose traps end with it.
    (step "Installing $missing" "run '$(install_command)' as root and see what it says" install_missing)
    find_missing
    [ -z "$missing" ] || fail "Installing packages" "still missing after it: $missing" "run '$(install_command)' as root"
    return
  fi
  local why="these packages are missing: $missing"
  if have apt-get; then why="$why; installing them needs root, and sudo asks for a password or is not there"; fi
  fail 'Looking for programs' "$why" "run '$(install_command)'$(have brew || echo ' as root'), then this again"
}

# --- A browser, for the test that opens /docs -------------------------------------------------------------------------
# Wished for, not needed: where there is none, that test is skipped and says so.

have_browser() {
  have chromium-headless-shell || have chromium || have chromium-browser || have google-chrome
}

# Debian has it; of the lists, an empty one is filled first.
can_install_browser() {
  have apt-get && have apt-cache && may_be_root || return 1
  ls /var/lib/apt/lists/*Packages* >/dev/null 2>&1 || apt update || return 1
  apt-cache show --no-all-versions chromium-headless-shell >/dev/null 2>&1
}

install_browser() {
  apt -y --no-install-recommends install chromium-headless-shell ||
    echo 'Without it the test of /docs in a browser is skipped.' >&2
}

set_up_browser() {
  [ -n "$dev" ] || return 0
  if have_browser; then
    there 'A browser: there'
  elif can_install_browser; then
    step 'Installing chromium-headless-shell' 'the test of /docs in a browser is skipped' install_browser
  fi
}
