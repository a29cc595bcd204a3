use crate::baseline::Child;
use crate::cli::defaults;
use crate::cli::mqtt::MqttArguments;
use crate::cli::repeating::Baseline;
use crate::cli::target;
use crate::cli::watching::Watching;
use crate::plan::settings::Settings;
use crate::report::failure::Failure;
use crate::watch::process::Process;
use crate::watch::servers::Subject;

/// A server that takes part.
#[derive(Debug)]
pub struct Contender {
    /// Unlike any other's.
    pub label: String,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// It runs.
    There(Box<Settings>),
    /// It is started for each of its runs: its logs of earlier runs would take the memory that the later ones need.
    Rumqttd { settings: Box<Settings>, protocol: u8 },
}

/// A contender whose turn it is; what was started for it ends with this.
#[derive(Debug)]
pub struct Turn {
    pub settings: Settings,
    _broker: Option<Child>,
}

/// Ours first.
pub fn contenders(arguments: &MqttArguments) -> Result<Vec<Contender>, Failure> {
    let settings = defaults::settings(&arguments.load, arguments.rate, arguments.timing)?;
    let mut all = vec![Contender { label: label(&settings), place: Place::There(Box::new(settings.clone())) }];
    for baseline in &arguments.repeating.baseline {
        let contender = match baseline {
            Baseline::Rumqttd => Contender {
                label: "rumqttd".to_owned(),
                place: Place::Rumqttd { settings: Box::new(settings.clone()), protocol: arguments.load.target.protocol },
            },
            Baseline::Url(url) => {
                let settings = elsewhere(arguments, url)?;
                Contender { label: label(&settings), place: Place::There(Box::new(settings)) }
            }
        };
        all.push(contender);
    }
    tell_apart(&mut all);
    Ok(all)
}

/// The same run, of another server.
fn elsewhere(arguments: &MqttArguments, url: &str) -> Result<Settings, Failure> {
    let mut theirs = arguments.load.clone();
    theirs.target = theirs.target.elsewhere(url);
    // How ours is watched says nothing of that.
    theirs.watching = Watching::default();
    defaults::settings(&theirs, arguments.rate, arguments.timing)
}

/// Its program's name where that is known, otherwise where it is.
fn label(settings: &Settings) -> String {
    let mut names = settings.watched.iter().map(|subject| match subject {
        Subject::Process(pid) => Process::of(*pid).name().map(|name| if name == "flux-core" { "flux".to_owned() } else { name }),
        Subject::Node(_) => Some("flux".to_owned()),
    });
    match names.next().flatten() {
        Some(name) if !name.is_empty() && names.all(|other| other.as_deref() == Some(&name)) => name,
        _ => settings.servers.iter().map(|server| server.address.to_string()).collect::<Vec<_>>().join(","),
    }
}

/// Two servers of one program are told apart by where they are.
fn tell_apart(all: &mut [Contender]) {
    for index in 1..all.len() {
        let (before, rest) = all.split_at_mut(index);
        let contender = &mut rest[0];
        if before.iter().any(|other| other.label == contender.label) {
            contender.label = match &contender.place {
                Place::There(settings) => format!("{} {}", contender.label, settings.url()),
                Place::Rumqttd { .. } => format!("{} {}", contender.label, index + 1),
            };
        }
    }
}

impl Contender {
    pub fn turn(&self) -> Result<Turn, Failure> {
        match &self.place {
            Place::There(settings) => Ok(Turn { settings: (**settings).clone(), _broker: None }),
            Place::Rumqttd { settings, protocol } => {
                let broker = Child::start(*protocol, settings.connections()).map_err(|error| {
                    let failure = Failure::new(1, "baseline", "rumqttd cannot be started beside").cause(error.to_string());
                    failure.hint("its own messages stand above; leave --baseline rumqttd out to go on without it")
                })?;
                let mut settings = (**settings).clone();
                settings.watched = vec![Subject::Process(broker.pid())];
                settings.servers = vec![target::plain(&broker.url)?];
                settings.across = 0.0;
                Ok(Turn { settings, _broker: Some(broker) })
            }
        }
    }
}
