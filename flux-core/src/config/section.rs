use serde_json::Value as Json;

/// A group of keys under one path. Implemented by the [`section!`] macro only.
pub(super) trait Section {
    /// Shows every key below, in the order of the declaration. `at` is the section's own path, empty for the root.
    fn visit(&self, at: &str, see: &mut dyn FnMut(Key));

    /// Sets the key at `path` (relative to this section). `None`: there is no such key.
    fn set(&mut self, path: &str, text: &str) -> Option<Result<(), String>>;
}

/// One key as it is declared, with its present value.
pub(super) struct Key {
    pub path: String,
    pub kind: String,
    pub unit: Option<&'static str>,
    pub meaning: String,
    pub secret: bool,
    /// Holds named entries of its own (`security.users.NAME`).
    pub open: bool,
    pub value: Json,
}

pub(super) fn join(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}

/// Declares a section: `/// meaning` `name: Type ["unit"] = default, check;` for each key, then `section name: Type;` for each section in it.
/// A check is a `Fn(&Type) -> Result<(), String>`.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        $name:ident {
            $(
                $(#[doc = $meaning:literal])+
                $key:ident : $type:ty $([$unit:literal])? = $default:expr $(, $check:expr)? ;
            )*
            $( section $inner:ident : $inner_type:ident ; )*
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $( $(#[doc = $meaning])+ pub $key: $type, )*
            $( pub $inner: $inner_type, )*
        }

        impl Default for $name {
            fn default() -> Self {
                $name { $( $key: $default, )* $( $inner: <$inner_type>::default(), )* }
            }
        }

        impl $crate::config::section::Section for $name {
            fn visit(&self, at: &str, see: &mut dyn FnMut($crate::config::section::Key)) {
                $( see($crate::config::section::Key {
                    path: $crate::config::section::join(at, stringify!($key)),
                    kind: <$type as $crate::config::value::Value>::kind(),
                    unit: None$(.or(Some($unit)))?,
                    meaning: concat!($($meaning),+).trim().to_owned(),
                    secret: <$type as $crate::config::value::Value>::SECRET,
                    open: <$type as $crate::config::value::Value>::OPEN,
                    value: $crate::config::value::Value::show(&self.$key),
                }); )*
                $( self.$inner.visit(&$crate::config::section::join(at, stringify!($inner)), see); )*
                let _ = (at, see);
            }

            fn set(&mut self, path: &str, text: &str) -> Option<Result<(), String>> {
                let (first, rest) = match path.split_once('.') {
                    Some((first, rest)) => (first, Some(rest)),
                    None => (path, None),
                };
                match first {
                    $( stringify!($key) => {
                        let mut value = self.$key.clone();
                        let outcome = $crate::config::value::Value::set(&mut value, rest, text)?;
                        $( let outcome = outcome.and_then(|()| { let check = $check; check(&value) }); )?
                        if outcome.is_ok() {
                            self.$key = value;
                        }
                        Some(outcome)
                    } )*
                    $( stringify!($inner) => self.$inner.set(rest?, text), )*
                    _ => None,
                }
            }
        }
    };
}

pub(super) use section;
