//! Tells the other nodes what this node's subscribers ask for, and answers subscribers once all have heard it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::answers::{self, Told};
use super::core::Core;
use super::membership::{Generation, PeerState, Version};
use super::own_routes::Telling;
use crate::redis::{Command, RedisError};
use crate::types::{NodeId, Refusal, limits};

/// Between attempts to tell what Redis did not take.
const RETRY: Duration = Duration::from_millis(100);

pub async fn run(core: Arc<Core>) {
    loop {
        tokio::select! {
            () = core.tell.notified() => {}
            () = core.closing.requested() => break,
        }
        while !core.own.lock().routes.is_told() && !core.closing.is_requested() {
            if !tell_round(&core).await {
                // The routes wait for the next life, or for Redis; whoever waits for them does so as long as patience lasts.
                refuse_overdue(&core);
                tokio::time::sleep(RETRY).await;
            }
        }
        settle_known(&core);
        return_to_service(&core).await;
    }
    for waiter in core.own.lock().waiting.drain(..) {
        _ = waiter.sender.send(Err(Refusal::ShuttingDown));
    }
}

/// One round: all that has changed, in a few commands and one wait for all nodes. `false` when it could not be told.
async fn tell_round(core: &Arc<Core>) -> bool {
    if core.is_lost() {
        return false;
    }
    let (round, telling) = core.own.lock().routes.next_round();
    let told = match tell(core, &telling).await {
        Ok(Told::At(version, awaited)) => Some((version, awaited)),
        Ok(Told::Lost) => {
            core.give_up_life();
            None
        }
        Err(problem) => {
            tracing::debug!(%problem, "routes cannot be told at the moment");
            None
        }
    };
    let Some((version, awaited)) = told else {
        core.own.lock().routes.untell(&telling);
        return false;
    };
    let heard = wait_for_all(core, version, &awaited, false).await;
    if heard {
        core.own.lock().settled = round;
        settle_known(core);
    }
    heard
}

async fn tell(core: &Core, telling: &Telling) -> Result<Told, RedisError> {
    let mut calls = Vec::new();
    for part in telling.chunks(limits::ROUTES_TOLD_TOGETHER) {
        let (generation, number) = {
            let mut life = core.life.lock();
            life.told += 1;
            (life.generation, life.told)
        };
        let mut command: Command = core.scripts.tell().arg(core.settings.node.as_str()).arg(generation.0).arg(number);
        for (subscription, terms) in part {
            command = command.arg(subscription.to_string()).arg(terms.map(|terms| terms.to_string()).unwrap_or_default());
        }
        // All are on their way before the first is answered.
        calls.push((number, core.redis.call(command)));
    }
    let mut last = Told::Lost;
    for (number, call) in calls {
        last = answers::told(call.await?)?;
        if matches!(last, Told::At(..)) {
            core.life.lock().confirmed = number;
        }
    }
    Ok(last)
}

/// Until every node that was a member when the routes were told has read them, or is not a member any more. `false`: this node is none.
/// `here_too`: this node has to have read them as well.
pub async fn wait_for_all(core: &Core, version: Version, awaited: &[(NodeId, Generation)], here_too: bool) -> bool {
    let told = Instant::now();
    let mut look = tokio::time::interval(core.settings.heartbeat);
    loop {
        let progress = core.progress.notified();
        tokio::pin!(progress);
        progress.as_mut().enable();
        if core.closing.is_requested() || core.is_lost() {
            return false;
        }
        let read_here = !here_too || core.life.lock().applied >= version;
        if read_here && core.membership.lock().all_have_read(awaited, version, told) {
            return true;
        }
        if awaited.iter().any(|(node, _)| !core.knows(node)) {
            core.beat_now.notify_one();
        }
        tokio::select! {
            () = progress => {}
            _ = look.tick() => refuse_overdue(core),
        }
    }
}

/// All is told: what former lives of this node have left behind is void.
async fn return_to_service(core: &Core) {
    let life = *core.life.lock();
    if life.returned || life.state != PeerState::Ready || core.is_lost() || !core.own.lock().routes.is_told() {
        return;
    }
    let command = core.scripts.returned().arg(core.settings.node.as_str()).arg(life.generation.0);
    match core.redis.call(command).await.and_then(|answer| answers::version(&answer)) {
        Ok(Some(_)) => core.life.lock().returned = true,
        Ok(None) => core.give_up_life(),
        // The next change of routes, or the next life, tries again; until then others send more than is needed.
        Err(problem) => tracing::debug!(%problem, "old routes cannot be taken back at the moment"),
    }
}

fn settle_known(core: &Core) {
    let mut known = Vec::new();
    {
        let mut own = core.own.lock();
        let settled = own.settled;
        let mut index = 0;
        while index < own.waiting.len() {
            if own.waiting[index].round <= settled {
                known.push(own.waiting.swap_remove(index));
            } else {
                index += 1;
            }
        }
    }
    for waiter in known {
        // Whoever does not wait any more needs no answer.
        _ = waiter.sender.send(Ok(()));
    }
}

fn refuse_overdue(core: &Core) {
    let now = Instant::now();
    let mut overdue = Vec::new();
    {
        let mut own = core.own.lock();
        let mut index = 0;
        while index < own.waiting.len() {
            if own.waiting[index].since + core.settings.patience <= now {
                overdue.push(own.waiting.swap_remove(index));
            } else {
                index += 1;
            }
        }
    }
    for waiter in overdue {
        _ = waiter.sender.send(Err(Refusal::Unreachable));
    }
}
