/// Resolves when the user presses Ctrl-C.
pub async fn interrupted() {
    // Without the signal the run ends by itself.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
