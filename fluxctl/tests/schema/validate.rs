use serde_json::Value;

/// What these schemas say that is checked. A word that is neither here nor in [`SAID`] is an error: nothing is overlooked.
const CHECKED: &[&str] = &[
    "$ref",
    "type",
    "const",
    "enum",
    "oneOf",
    "anyOf",
    "minimum",
    "maximum",
    "properties",
    "required",
    "additionalProperties",
    "items",
];

/// What they say to readers.
const SAID: &[&str] = &["$schema", "$defs", "title", "description", "format", "example", "default"];

/// Whether `value` keeps to `schema`; if not, where and why.
pub fn validate(schema: &Value, value: &Value) -> Result<(), String> {
    Validator { root: schema }.check(schema, value, "")
}

struct Validator<'a> {
    root: &'a Value,
}

impl Validator<'_> {
    fn check(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        let wrong = |what: String| Err(format!("{}: {what}: {value}", if at.is_empty() { "/" } else { at }));
        // An empty one, or `true`: anything.
        let Some(words) = schema.as_object() else { return Ok(()) };
        if let Some(word) = words.keys().find(|word| !CHECKED.contains(&word.as_str()) && !SAID.contains(&word.as_str())) {
            return wrong(format!("the schema says '{word}', which this validator does not know"));
        }
        if let Some(path) = words.get("$ref").and_then(Value::as_str) {
            let found = self.root.pointer(path.trim_start_matches('#')).unwrap_or_else(|| panic!("{path} is not defined"));
            self.check(found, value, at)?;
        }
        if let Some(kinds) = words.get("type") {
            let allowed = kinds.as_array().map_or_else(|| is(kinds, value), |kinds| kinds.iter().any(|kind| is(kind, value)));
            if !allowed {
                return wrong(format!("is not of type {kinds}"));
            }
        }
        if let Some(wanted) = words.get("const").filter(|wanted| *wanted != value) {
            return wrong(format!("is not {wanted}"));
        }
        if let Some(wanted) = words.get("enum").and_then(Value::as_array).filter(|wanted| !wanted.contains(value)) {
            return wrong(format!("is none of {wanted:?}"));
        }
        for (word, most) in [("oneOf", 1), ("anyOf", usize::MAX)] {
            let Some(choices) = words.get(word).and_then(Value::as_array) else { continue };
            let found: Vec<_> = choices.iter().map(|choice| self.check(choice, value, at)).collect();
            if !(1..=most).contains(&found.iter().filter(|found| found.is_ok()).count()) {
                return wrong(format!("does not keep to {word}: {found:?}"));
            }
        }
        if let Some(figure) = value.as_f64() {
            let bound = |word: &str| words.get(word).and_then(Value::as_f64);
            if bound("minimum").is_some_and(|least| figure < least) || bound("maximum").is_some_and(|most| figure > most) {
                return wrong("is out of bounds".to_owned());
            }
        }
        if let (Some(items), Some(values)) = (words.get("items"), value.as_array()) {
            for (index, value) in values.iter().enumerate() {
                self.check(items, value, &format!("{at}/{index}"))?;
            }
        }
        self.fields(words, value, at)
    }

    fn fields(&self, words: &serde_json::Map<String, Value>, value: &Value, at: &str) -> Result<(), String> {
        let Some(fields) = value.as_object() else { return Ok(()) };
        let required = words.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        if let Some(missing) = required.into_iter().find(|name| !fields.contains_key(*name)) {
            return Err(format!("{at}/{missing} is missing"));
        }
        let known = words.get("properties").and_then(Value::as_object);
        let others = words.get("additionalProperties");
        for (name, value) in fields {
            let at = format!("{at}/{name}");
            match (known.and_then(|known| known.get(name)), others) {
                (Some(schema), _) | (None, Some(schema)) => self.check(schema, value, &at)?,
                (None, None) if known.is_some() => return Err(format!("{at} is not in the schema")),
                (None, None) => {}
            }
        }
        Ok(())
    }
}

fn is(kind: &Value, value: &Value) -> bool {
    match kind.as_str() {
        Some("string") => value.is_string(),
        Some("integer") => value.is_u64() || value.is_i64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        Some("null") => value.is_null(),
        other => panic!("{other:?} is no type"),
    }
}
