/// The known name that was probably meant: the same last word in another section, or few letters away.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let last = |path: &'a str| path.rsplit('.').next().unwrap_or(path);
    let wanted = name.rsplit('.').next().unwrap_or(name);
    let score = |candidate: &'a str| {
        let whole = strsim::normalized_damerau_levenshtein(name, candidate);
        let word = strsim::normalized_damerau_levenshtein(wanted, last(candidate));
        whole.max(word * 0.95)
    };
    let best = known.max_by(|a, b| score(a).total_cmp(&score(b)))?;
    (score(best) > 0.7).then_some(best)
}

/// Variables that begin with `FLUX_` and belong to somebody else: the tools, the tests, and our own `--config`.
pub(super) fn foreign(name: &str) -> bool {
    const NAMES: [&str; 6] = ["FLUX_CONFIG", "FLUX_URL", "FLUX_TOKEN", "FLUX_CONTEXT", "FLUX_CLUSTER", "FLUX_OUTPUT"];
    const PREFIXES: [&str; 3] = ["FLUX_TEST_", "FLUX_BENCH_", "FLUX_CTL_"];
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}
