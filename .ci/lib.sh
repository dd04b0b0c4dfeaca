# Sourced by every script here: one toolchain, the repository's root, and what the workspace holds.
# Crates, features and targets are asked of `cargo metadata`, so that none is ever forgotten.

export PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
export RUSTUP_TOOLCHAIN=stable RUSTUP_AUTO_INSTALL=0 CARGO_LLVM_COV_SETUP=no
export CARGO_TERM_COLOR="${CARGO_TERM_COLOR:-never}"

cd "$(dirname "${BASH_SOURCE[0]}")/.."
target="${CARGO_TARGET_DIR:-$PWD/target}"

fail() {
    echo "error: $*" >&2
    exit 1
}

# A check that cannot run says so in a line that the summary repeats.
skip() {
    echo "SKIPPED: $*"
    if [[ -n "${RELY_CI_SKIPPED:-}" ]]; then echo "$*" >>"$RELY_CI_SKIPPED"; fi
}

metadata() { cargo metadata --format-version 1 --no-deps --locked; }

# The crates that users take: every member that may be published.
library_crates() {
    metadata | jq -r '.packages[] | select(.publish != []) | .name'
}

# The same as `-p` arguments, in the array `libraries`.
library_arguments() {
    local name
    libraries=()
    for name in $(library_crates); do libraries+=(-p "$name"); done
    ((${#libraries[@]})) || fail "the workspace has no library crate"
}

# manifest_folder <package>
manifest_folder() {
    metadata | jq -r --arg name "$1" \
        '.packages[] | select(.name == $name) | .manifest_path | rtrimstr("/Cargo.toml")'
}

# targets_of <package> <kind>: the names of its binaries (`bin`) or benches (`bench`).
targets_of() {
    metadata | jq -r --arg name "$1" --arg kind "$2" \
        '.packages[] | select(.name == $name) | .targets[] | select(.kind | index($kind)) | .name'
}
