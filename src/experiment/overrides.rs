//! Single keys that are changed: `a.b[2].c=value`.

use toml::{Table, Value};

/// Applies one `a.b[2].c=value`.
pub(super) fn set(table: &mut Table, given: &str) -> Result<(), String> {
    let (path, value) = given.split_once('=').ok_or("there is no `=`")?;
    let value = parse_value(value.trim());
    let mut keys: Vec<&str> = path.trim().split('.').collect();
    let last = keys.pop().unwrap_or_default();
    let mut place = table;
    for key in keys {
        let (name, index) = indexed(key)?;
        let slot = place.get_mut(name);
        let slot = slot.ok_or(format!("there is no `{name}` to change"))?;
        let slot = item(slot, name, index)?;
        let inner = slot.as_table_mut();
        place = inner.ok_or(format!("`{name}` holds no further keys"))?;
    }
    let (name, index) = indexed(last)?;
    if name.is_empty() {
        return Err(format!("`{path}` has an empty key"));
    }
    if let Some(slot) = place.get_mut(name) {
        *item(slot, name, index)? = value;
    } else if index.is_none() {
        place.insert(name.to_owned(), value);
    } else {
        return Err(format!("there is no `{name}` to change"));
    }
    Ok(())
}

/// The item of a list, or the value itself where no index is asked for.
fn item<'a>(
    value: &'a mut Value,
    name: &str,
    index: Option<usize>,
) -> Result<&'a mut Value, String> {
    let Some(index) = index else {
        return Ok(value);
    };
    let items = value.as_array_mut();
    let items = items.ok_or(format!("`{name}` is no list"))?;
    let length = items.len();
    let item = items.get_mut(index);
    item.ok_or(format!("`{name}` has {length} items, counted from 0"))
}

/// `steps[2]` → (`steps`, 2).
fn indexed(key: &str) -> Result<(&str, Option<usize>), String> {
    let Some((name, rest)) = key.split_once('[') else {
        return Ok((key, None));
    };
    let index = rest.strip_suffix(']').and_then(|index| index.parse().ok());
    let index = index.ok_or(format!("`{key}` is no list index such as `{name}[0]`"))?;
    Ok((name, Some(index)))
}

/// A TOML value, or else the text itself, so that `--set train.precision=bf16` needs no quotes.
fn parse_value(text: &str) -> Value {
    let parsed = format!("value = {text}").parse::<Table>();
    let value = parsed.ok().and_then(|mut table| table.remove("value"));
    value.unwrap_or_else(|| Value::String(text.to_owned()))
}
