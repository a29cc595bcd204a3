//! What flux-bench says without a server: help, mistakes on the command line, nobody at the other end. Golden files in
//! fixtures/cli: `TRYCMD=overwrite cargo test -p flux-bench --test cli` writes them anew.

#[test]
fn help_mistakes_and_an_unreachable_server() {
    trycmd::TestCases::new().env("NO_COLOR", "1").env("COLUMNS", "110").case("../fixtures/cli/flux-bench/*.trycmd");
}
