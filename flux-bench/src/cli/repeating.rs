use clap::Args;

/// How often, and beside whom.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Comparing options")]
pub struct Repeating {
    /// Rounds; every server runs once in each, in an order that changes from round to round
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub runs: u32,
    /// Run another server beside, in turns: rumqttd (started for it) or the URL of one that runs; may be repeated
    #[arg(long, value_name = "rumqttd|URL", value_parser = baseline)]
    pub baseline: Vec<Baseline>,
}

/// Another server to be measured like ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Baseline {
    /// The broker in this binary.
    Rumqttd,
    /// One that runs already.
    Url(String),
}

fn baseline(text: &str) -> Result<Baseline, String> {
    match text {
        "rumqttd" if cfg!(feature = "baseline") => Ok(Baseline::Rumqttd),
        "rumqttd" => Err("this flux-bench was built without it (cargo feature baseline)".to_owned()),
        url if url.contains("://") => Ok(Baseline::Url(url.to_owned())),
        _ => Err("a baseline is rumqttd, or a URL: mqtt://HOST:PORT".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_baseline_is_a_known_name_or_a_url() {
        assert_eq!(baseline("mqtt://127.0.0.1:2000"), Ok(Baseline::Url("mqtt://127.0.0.1:2000".to_owned())));
        assert!(baseline("mosquitto").unwrap_err().contains("mqtt://HOST:PORT"));
        assert_eq!(baseline("rumqttd").is_ok(), cfg!(feature = "baseline"));
    }
}
