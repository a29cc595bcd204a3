/// Ctrl-C, noticed from this call on, not only once the answer is awaited: who reads the first line may press it at once.
#[cfg(unix)]
pub fn interrupt() -> impl Future<Output = ()> {
    let signal = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt());
    async {
        match signal {
            Ok(mut signal) => drop(signal.recv().await),
            // Without a handler the signal ends the process by itself.
            Err(_) => std::future::pending().await,
        }
    }
}

#[cfg(not(unix))]
pub async fn interrupt() {
    let _ = tokio::signal::ctrl_c().await;
}
