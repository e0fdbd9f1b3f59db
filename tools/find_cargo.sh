#!/bin/sh
# Prints the cargo to use: the one on PATH, or rustup's own place.
for candidate in cargo "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" "$HOME/.cargo/bin/cargo"; do
  if command -v "$candidate" >/dev/null 2>&1 && "$candidate" --version >/dev/null 2>&1; then
    command -v "$candidate"
    exit 0
  fi
done
exit 1
