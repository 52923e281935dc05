# The temporal program: on the PATH, in the cache, built with Go, or the official release with its digest checked.

# SHA-256 of the release's archives.
temporal_digest() {
  case $1 in
    linux_amd64) echo ddc95e08b0b076efd4ea9733a3f488eb7d2be875f8834e616cd2a37358b4852d ;;
    linux_arm64) echo bd1b0db9f18b051026de8bf6cc1505f2510f14bbb7a8b9a4a91fff46c77454f5 ;;
    darwin_amd64) echo bbb73e2a31135abe50a1f1cdb35030c42961df618e8ce9c60ae89f201540c5d9 ;;
    darwin_arm64) echo cca01b7ea35ad56e2a328d9ae596bf716bd22313ef63c7a761c88354457c2415 ;;
    *) return 1 ;;
  esac
}

sha256_of() { if have sha256sum; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d' ' -f1; }

fetch_temporal() {
  local platform=$1 name temporary url digest
  name="temporal_cli_${temporal_version}_$platform.tar.gz"
  url="https://github.com/temporalio/cli/releases/download/v$temporal_version/$name"
  temporary=$(new_folder temporal)
  if have curl; then
    curl --fail --silent --show-error --location --retry 3 --output "$temporary/$name" "$url"
  else
    wget --quiet --output-document="$temporary/$name" "$url"
  fi
  digest=$(sha256_of "$temporary/$name")
  if [ "$digest" != "$(temporal_digest "$platform")" ]; then
    rm -rf "$temporary"
    echo "The archive from $url has the digest $digest; $(temporal_digest "$platform") was expected."
    return 1
  fi
  tar -xzf "$temporary/$name" -C "$temporary" temporal
  keep_program temporal "$temporal_version" "$temporary/temporal"
  rm -rf "$temporary"
}

set_up_temporal() {
  if have temporal; then
    there "temporal: $(command -v temporal)"
    return
  fi
  local platform advice
  advice="put the temporal program $temporal_version on the PATH (https://docs.temporal.io/cli) and run this again"
  if have go; then
    # A failure here is told, and the release tried.
    local status
    set +e
    (step "Building temporal $temporal_version with Go; this takes some minutes" \
      'nothing: the official release is tried next' build_program temporal "$temporal_version" github.com/temporalio/cli/cmd/temporal)
    status=$?
    set -e
    [ "$status" -ne 0 ] || return 0
  fi
  platform="$(uname -s | tr '[:upper:]' '[:lower:]')_$(uname -m | sed 's/x86_64/amd64/;s/aarch64/arm64/')"
  temporal_digest "$platform" >/dev/null ||
    fail 'Fetching temporal' "there is no release for $platform" "$advice"
  have curl || have wget ||
    fail 'Fetching temporal' 'neither temporal, go, curl nor wget is there' "$advice, or install Go or curl"
  step "Fetching temporal $temporal_version from its official release" "$advice" fetch_temporal "$platform"
}
