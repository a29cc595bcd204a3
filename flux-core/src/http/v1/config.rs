use axum::Json;
use axum::extract::State;

use crate::api::paths;
use crate::api::{ConfigKey, EffectiveValue, List};
use crate::config::{Config, EffectiveKey, KeyDoc};
use crate::http::state::App;

/// Every key of the configuration with the value in effect and where it comes from. Secrets are hidden.
#[utoipa::path(get, path = paths::CONFIG, tag = "operation", operation_id = "show_config", responses((status = 200, body = List<EffectiveValue>)))]
pub async fn effective(State(app): State<App>) -> Json<List<EffectiveValue>> {
    let shown = |EffectiveKey { path, value, origin }| EffectiveValue { key: path, value, source: origin };
    Json(app.with.config.effective().into_iter().map(shown).collect::<Vec<_>>().into())
}

/// Every key there is: type, default, meaning.
#[utoipa::path(get, path = paths::CONFIG_REFERENCE, tag = "operation", operation_id = "config_reference",
    responses((status = 200, body = List<ConfigKey>)))]
pub async fn reference() -> Json<List<ConfigKey>> {
    Json(Config::reference().into_iter().map(key).collect::<Vec<_>>().into())
}

fn key(doc: KeyDoc) -> ConfigKey {
    ConfigKey {
        default: doc.default_text(),
        key: doc.path,
        kind: doc.kind,
        unit: doc.unit.map(str::to_owned),
        meaning: doc.meaning,
        environment: doc.variable,
        flag: doc.flag.map(str::to_owned),
        secret: doc.secret,
    }
}
