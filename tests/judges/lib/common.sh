# What every judge does first. Sourced, never run; works from any folder.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
judges=$root/tests/judges
target=${CARGO_TARGET_DIR:-$root/target}

# Every message of apt-get goes to stderr, so that a judge's last line stays its own.
# debian PACKAGE...: installs what is missing. What cannot be installed ends the judge.
debian() {
  local package missing=()
  for package in "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
  done
  [[ ${#missing[@]} -eq 0 ]] && return
  local sudo=()
  [[ $EUID -eq 0 ]] || sudo=(sudo -n)
  if ! { "${sudo[@]}" apt-get update -q && DEBIAN_FRONTEND=noninteractive "${sudo[@]}" \
    apt-get install -y -q --no-install-recommends -o Dpkg::Use-Pty=0 "${missing[@]}"; } >&2; then
    echo "cannot install ${missing[*]}" >&2
    echo "0 passed, 1 failed"
    exit 1
  fi
}

# pypi NAME PACKAGE...: sets $python to that of a virtual environment that has the newest of these;
# it is made once and kept under target/.
pypi() {
  local name=$1 venv=$target/judges/$1
  shift
  python=$venv/bin/python
  [[ -e $venv/complete ]] && return
  debian python3 python3-venv
  if ! { /usr/bin/python3 -m venv --clear "$venv" && "$python" -m pip install --quiet \
    --disable-pip-version-check "$@" && touch "$venv/complete"; } >&2; then
    echo "cannot install $* for $name" >&2
    echo "0 passed, 1 failed"
    exit 1
  fi
}

# npm NAME PACKAGE@MAJOR...: sets and exports MODULES to a folder of node modules that has the newest
# of these; it is made once and kept under target/.
npm() {
  local name=$1 wanted
  shift
  wanted="$*"
  export MODULES=$target/judges/$name/node_modules
  [[ $(cat "$MODULES/complete" 2>/dev/null) == "$wanted" ]] && return
  # Where npm did not come from Debian, Debian's would come on top of it.
  type -P npm >/dev/null || debian nodejs npm
  rm -rf "${MODULES%/*}"
  mkdir -p "${MODULES%/*}"
  if ! { (cd "${MODULES%/*}" && echo '{"private": true}' >package.json &&
    command npm install --silent --no-audit --no-fund "$@") && echo "$wanted" >"$MODULES/complete"; } >&2; then
    echo "cannot install $wanted for $name" >&2
    echo "0 passed, 1 failed"
    exit 1
  fi
}

# Sets and exports BROWSER to Chromium, or to the Chrome that is there already.
browser() {
  local name
  for name in chromium google-chrome; do
    BROWSER=$(command -v "$name") && break
  done
  if [[ -z ${BROWSER:-} ]]; then
    debian chromium
    BROWSER=/usr/bin/chromium
  fi
  export BROWSER
}

# Sets and exports WHIMBREL_BIN: what it says already, or what cargo builds now.
whimbrel() {
  if [[ -z ${WHIMBREL_BIN:-} ]]; then
    local profile=debug release=()
    [[ ${CI:-} == true ]] && profile=release release=(--release)
    if ! cargo build --quiet --locked --manifest-path "$root/Cargo.toml" "${release[@]}" >&2; then
      echo "0 passed, 1 failed"
      exit 1
    fi
    WHIMBREL_BIN=$target/$profile/whimbrel
  fi
  export WHIMBREL_BIN
}

# Nothing of the caller's cloud or Python may reach the programs that judge.
for name in $(compgen -e); do
  [[ $name == OS_* || $name == PYTHONPATH || $name == PYTHONHOME ]] && unset "$name"
done
export PYTHONDONTWRITEBYTECODE=1
