//! Where the value stands that serde could not read.

use toml::Value;

/// The keys, each in backticks, that a message about a section is about. Serde names one below it, or none, as it forgets the
/// keys within tagged tables: below that, those with the value that it quotes.
pub(super) fn place(section: &str, value: &Value, message: &str) -> String {
    let named = (message.lines()).find_map(|line| line.strip_prefix("in `")?.strip_suffix('`'));
    let inner = named.map(|key| key.split('.').try_fold(value, |value, key| value.get(key)));
    let key = named.map_or(section.to_owned(), |key| format!("{section}.{key}"));
    let first = message.lines().next().unwrap_or_default();
    let quoted = first.split('`').nth(1).or_else(|| given(first));
    let quoted = quoted.unwrap_or_default();
    let mut keys = Vec::new();
    find(inner.flatten().unwrap_or(value), &key, quoted, &mut keys);
    match keys.is_empty() {
        true => format!("`{key}`"),
        false => keys.join(" or "),
    }
}

/// The value in a message of our own: `temperature is NaN, but must be …`.
fn given(message: &str) -> Option<&str> {
    let (_, after) = message.split_once(" is ")?;
    Some(after.split_once(',')?.0)
}

/// Adds the keys below `key` that hold `quoted`.
fn find(value: &Value, key: &str, quoted: &str, keys: &mut Vec<String>) {
    match value {
        Value::Table(table) => {
            for (name, value) in table {
                find(value, &format!("{key}.{name}"), quoted, keys);
            }
        }
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                find(item, &format!("{key}[{n}]"), quoted, keys);
            }
        }
        _ if is_quoted(value, quoted) => keys.push(format!("`{key}`")),
        _ => {}
    }
}

/// Whether serde writes this value so.
fn is_quoted(value: &Value, quoted: &str) -> bool {
    match value {
        Value::Integer(number) => number.to_string() == quoted,
        Value::Float(number) => {
            let given = quoted.parse::<f64>();
            given.is_ok_and(|given| given == *number || (given.is_nan() && number.is_nan()))
        }
        Value::Boolean(value) => value.to_string() == quoted,
        _ => false,
    }
}
