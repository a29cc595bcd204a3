use super::keys::BusKeys;
use crate::redis::{Command, Script};

/// What must happen in Redis in one piece.
#[derive(Debug, Clone)]
pub struct Scripts {
    join: Script,
    beat: Script,
    tell: Script,
    returned: Script,
    leave: Script,
    settle: Script,
    announce: Script,
    seed: Script,
    decide: Script,
    dead: Script,
    forget: Script,
    drain: Script,
    newest: Script,
    keys: [String; 6],
}

impl Scripts {
    pub fn new(keys: &BusKeys) -> Self {
        Scripts {
            join: Script::new(concat!(
                include_str!("scripts/life.lua"),
                include_str!("scripts/roll.lua"),
                include_str!("scripts/join.lua")
            )),
            beat: Script::new(concat!(
                include_str!("scripts/life.lua"),
                include_str!("scripts/roll.lua"),
                include_str!("scripts/beat.lua")
            )),
            tell: Script::new(concat!(include_str!("scripts/life.lua"), include_str!("scripts/tell.lua"))),
            returned: Script::new(concat!(include_str!("scripts/life.lua"), include_str!("scripts/returned.lua"))),
            leave: Script::new(concat!(include_str!("scripts/life.lua"), include_str!("scripts/leave.lua"))),
            settle: Script::new(include_str!("scripts/settle.lua")),
            announce: Script::new(concat!(include_str!("scripts/life.lua"), include_str!("scripts/announce.lua"))),
            seed: Script::new(include_str!("scripts/seed.lua")),
            decide: Script::new(concat!(include_str!("scripts/life.lua"), include_str!("scripts/decide.lua"))),
            dead: Script::new(include_str!("scripts/dead.lua")),
            forget: Script::new(concat!(include_str!("scripts/life.lua"), include_str!("scripts/forget.lua"))),
            drain: Script::new(include_str!("scripts/drain.lua")),
            newest: Script::new(include_str!("scripts/newest.lua")),
            keys: keys.for_scripts(),
        }
    }

    fn command(&self, script: &Script) -> Command {
        Command::script(script, &self.keys).repeatable()
    }

    pub fn dead(&self) -> Command {
        self.command(&self.dead)
    }

    pub fn forget(&self) -> Command {
        self.command(&self.forget)
    }

    pub fn drain(&self, keys: &[String]) -> Command {
        Command::script(&self.drain, keys).repeatable()
    }

    pub fn newest(&self, inbox: &str) -> Command {
        Command::script(&self.newest, &[inbox]).repeatable()
    }

    pub fn join(&self) -> Command {
        self.command(&self.join)
    }

    pub fn beat(&self) -> Command {
        self.command(&self.beat)
    }

    pub fn tell(&self) -> Command {
        self.command(&self.tell)
    }

    pub fn returned(&self) -> Command {
        self.command(&self.returned)
    }

    pub fn leave(&self) -> Command {
        self.command(&self.leave)
    }

    pub fn announce(&self) -> Command {
        self.command(&self.announce)
    }

    pub fn seed(&self) -> Command {
        self.command(&self.seed)
    }

    pub fn decide(&self) -> Command {
        self.command(&self.decide)
    }

    pub fn settle(&self, inbox: &str) -> Command {
        Command::script(&self.settle, &[inbox]).repeatable()
    }
}
