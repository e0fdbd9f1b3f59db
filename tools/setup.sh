#!/usr/bin/env bash
# Finds or installs what Whorl needs: Debian packages, Rust, Python with a virtual environment. Says in one sentence what a
# person has to do where it cannot. usage: tools/setup.sh <venv> <requirements.txt> [debian-packages.txt …]
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
venv=$1
requirements=$2
lists=("$here/tools/debian-packages.txt" "${@:3}")

say() { printf '\033[1m[setup]\033[0m %s\n' "$*"; }
stop() { printf '\n[setup] %s\n' "$*" >&2; exit 1; }

debian_packages() {
  command -v dpkg-query >/dev/null || { say "not a Debian system: assuming that the packages in ${lists[*]#"$here"/} are here"; return; }
  local missing=()
  while read -r package; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$package")
  done < <(grep -hv '^#' "${lists[@]}")
  [ ${#missing[@]} -eq 0 ] && return
  local run=()
  if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null || stop "these Debian packages are missing; install them and run make again:
    sudo apt-get install -y --no-install-recommends ${missing[*]}"
    run=(sudo -n)
  fi
  say "installing Debian packages: ${missing[*]}"
  "${run[@]}" apt-get update -qq
  "${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# The crates behind src/text need 1.88; Debian 12's own rustc is 1.63.
rust() {
  local wanted=1.88 cargo version
  cargo=$("$here/tools/find_cargo.sh") || stop "cargo was not found. Install Rust $wanted or newer (Debian's own is too old):
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal"
  version=$("$cargo" --version | cut -d' ' -f2)
  [ "$(printf '%s\n%s\n' "$wanted" "$version" | sort -V | head -1)" = "$wanted" ] ||
    stop "$cargo is version $version; Whorl needs Rust $wanted or newer. Run: rustup update stable"
}

# A Python that can build an extension module: 3.11 or newer, with its headers.
python() {
  local candidate
  for candidate in ${WHORL_PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3; do
    "$candidate" - >/dev/null 2>&1 <<'EOF' && { echo "$candidate"; return; }
import os, sys, sysconfig
assert sys.version_info >= (3, 11)
assert os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h"))
EOF
  done
  stop "no Python 3.11 or newer with its headers was found; install python3-dev, or set WHORL_PYTHON"
}

environment() {
  local python
  python=$(python)
  if [ ! -x "$venv/bin/python" ]; then
    say "making $venv with $("$python" --version)"
    "$python" -m venv "$venv" 2>/dev/null || {
      rm -rf "$venv"
      # Without ensurepip (a Debian Python without python3-venv) pip comes by itself.
      "$python" -m venv --without-pip "$venv" && "$python" -m pip --python "$venv/bin/python" install -q pip ||
        stop "$python cannot make a virtual environment; install python3-venv"
    }
  fi
  say "installing $(basename "$requirements") into $(basename "$venv")"
  local hashes=()
  grep -q -- '--hash' "$requirements" && hashes=(--require-hashes)
  "$venv/bin/python" -m pip install -q --disable-pip-version-check "${hashes[@]}" -r "$requirements"
}

debian_packages
rust
environment
