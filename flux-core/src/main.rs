#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("runtime");
    runtime.block_on(async {
        let flags = std::env::args()
            .skip(2)
            .filter_map(|a| {
                a.split_once('=').map(|(k, v)| flux_core::config::Setting {
                    key: k.into(),
                    value: v.into(),
                    flag: "--set".into(),
                })
            })
            .collect();
        let config =
            flux_core::config::Config::load(&flux_core::config::Sources { file: None, variables: Default::default(), flags })
                .unwrap_or_else(|e| {
                    eprintln!("{e}");
                    std::process::exit(2)
                });
        flux_core::telemetry::start_log(config.log.format, &config.log.level).expect("log");
        let _ = rlimit::increase_nofile_limit(u64::MAX);
        let node = flux_core::node::Node::start(&config).await.unwrap_or_else(|e| {
            eprintln!("error: {e}");
            std::process::exit(1)
        });
        for l in node.listening() {
            println!("{} {}", l.protocol, l.address);
        }
        let mut signals = flux_core::lifecycle::Signals::install().expect("signals");
        while signals.next().await != flux_core::lifecycle::Signal::Stop {}
        node.stop().await;
    });
}
