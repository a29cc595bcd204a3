/// Every connection is a file descriptor, and the usual limit of 1,024 is for programs that need few. Raises it as far as this user may
/// and returns what it is then.
pub fn raise_descriptor_limit() -> u64 {
    rlimit::increase_nofile_limit(u64::MAX).unwrap_or_else(|problem| {
        tracing::warn!(%problem, "the limit on open files cannot be raised");
        rlimit::Resource::NOFILE.get_soft().unwrap_or(0)
    })
}
