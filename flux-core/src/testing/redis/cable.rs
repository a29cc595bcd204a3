use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::TestRedis;

/// A way of its own to a server, for one of several that use it: while it is pulled out the others notice nothing.
pub struct Cable {
    port: u16,
    plugged: watch::Sender<bool>,
    /// Ends with the cable.
    _relay: JoinSet<()>,
}

impl Cable {
    /// Plugged in. Works for as long as the runtime that it is made in.
    pub async fn to(server: &TestRedis) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let (plugged, watched) = watch::channel(true);
        let mut tasks = JoinSet::new();
        tasks.spawn(relay(listener, server.port(), watched));
        Cable { port, plugged, _relay: tasks }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Every connection breaks, and no new one leads anywhere.
    pub fn pull(&self) {
        self.plugged.send_replace(false);
    }

    pub fn plug(&self) {
        self.plugged.send_replace(true);
    }
}

async fn relay(listener: TcpListener, server: u16, plugged: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((near, _)) = listener.accept().await else { continue };
        connections.spawn(carry(near, server, plugged.clone()));
    }
}

/// Until one side closes or the cable is pulled out.
async fn carry(mut near: TcpStream, server: u16, mut plugged: watch::Receiver<bool>) {
    let Ok(mut far) = TcpStream::connect(("127.0.0.1", server)).await else { return };
    // Small commands, each waited for.
    _ = near.set_nodelay(true).and(far.set_nodelay(true));
    tokio::select! {
        // First: not a byte may pass once it is out.
        biased;
        _ = plugged.wait_for(|plugged| !plugged) => {}
        _ = copy_bidirectional(&mut near, &mut far) => {}
    }
}
