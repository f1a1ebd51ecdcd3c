# `just` lists these. Nothing here is needed to build: README's two commands work without it.

_default:
    @just --list --unsorted

# Everything that has to hold before a merge, as CI runs it
check:
    .ci/run

# Put the sources into their one shape
fmt:
    cargo fmt --all

# The quick half of `check`, while you work
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings

# Licences, sources and bans of the dependencies (needs cargo-deny)
deny:
    cargo deny --locked check bans licenses sources

# A relay, four people and their alerts, with the real binaries
demo:
    cargo demo

# The figures of docs/benchmarks.md
bench:
    cargo bench --locked --package himaya-relay --bench puts
    cargo bench --locked --package himaya-relay --bench paid
    cargo bench --locked --package himaya-tests --bench figures

# The long variants of the randomised tests
long:
    HIMAYA_LONG=1 cargo test --workspace --locked
