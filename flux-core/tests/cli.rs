//! Golden files of the command line: what a user types and sees. `TRYCMD=overwrite cargo test --test cli` writes them anew.

#[test]
fn commands_print_what_the_fixtures_say() {
    trycmd::TestCases::new()
        .env("COLUMNS", "100")
        .case("../fixtures/cli/flux-core/*.trycmd")
        .case("../fixtures/cli/flux-core/*.toml");
}
