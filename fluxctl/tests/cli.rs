//! What fluxctl says without a server: help, mistakes on the command line, nobody at the other end. Golden files in fixtures/cli:
//! `TRYCMD=overwrite cargo test -p fluxctl --test cli` writes them anew, and the difference shows what users will notice.

#[test]
fn help_mistakes_and_an_unreachable_server() {
    trycmd::TestCases::new()
        .env("FLUX_URL", "http://127.0.0.1:1")
        .env("NO_COLOR", "1")
        .env("TZ", "UTC")
        .env("FLUXCTL_CONFIG", "/nowhere/contexts.toml")
        .case("../fixtures/cli/fluxctl/*.trycmd");
}
