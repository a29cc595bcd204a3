//! The flags that make up a configuration. Those with a name of their own come from [`FLAGS`], with the key's own words.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches, value_parser};
use flux_core::config::{Config, FLAGS, Problems, Sources};

pub(super) struct ConfigArguments(Sources);

impl ConfigArguments {
    pub(super) fn load(&self) -> Result<Config, Problems> {
        Config::load(&self.0.clone().with_environment())
    }
}

impl Args for ConfigArguments {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .env("FLUX_CONFIG")
            .hide_env_values(true)
            .value_parser(value_parser!(PathBuf));
        let set = Arg::new("set").long("set").value_name("KEY=VALUE").action(ArgAction::Append).value_parser(key_and_value);
        let command = command
            .arg(file.help("Configuration file (TOML); flux-core config-reference -o toml prints a sample"))
            .arg(set.help("Set any key, e.g. mqtt.max_inflight=64; may be given several times"));
        Config::reference().into_iter().filter_map(|doc| Some((doc.flag?, doc))).fold(command, |command, (flag, doc)| {
            let is_switch = doc.kind == "true | false";
            let argument =
                Arg::new(flag).long(flag.trim_start_matches("--")).action(ArgAction::Set).value_parser(value_parser!(String));
            let argument = if is_switch {
                argument.num_args(0).default_missing_value("true")
            } else {
                let kind = doc.kind.trim_end_matches(" | off");
                // A choice of words is too long a name: the key's own is better.
                let name = if kind.contains(" | ") { doc.path.rsplit('.').next().unwrap_or(kind) } else { kind };
                argument.value_name(name.to_uppercase())
            };
            let choice = doc.kind.contains(" | ") && !doc.kind.ends_with(" | off") && !is_switch;
            let choices = if choice { format!(" [{}]", doc.kind) } else { String::new() };
            let default = if is_switch { String::new() } else { format!(" [default: {}]", doc.default_text()) };
            command.arg(argument.help(format!("{}{choices}{default}", doc.meaning.trim_end_matches('.'))))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ConfigArguments {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut sources = Sources { file: matches.get_one::<PathBuf>("config").cloned(), ..Sources::default() };
        for (key, value) in matches.get_many::<(String, String)>("set").into_iter().flatten() {
            sources = sources.with("--set", key, value);
        }
        for (flag, key) in FLAGS {
            if let Some(value) = matches.get_one::<String>(flag) {
                sources = sources.with(flag, key, value);
            }
        }
        Ok(ConfigArguments(sources))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err("it must be KEY=VALUE, such as mqtt.max_inflight=64".to_owned()),
    }
}
