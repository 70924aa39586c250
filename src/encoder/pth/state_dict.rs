//! Where in a pickle the weights are: at its top, or somewhere in the dictionary of a whole checkpoint.

use std::collections::{BTreeMap, HashMap};

use super::PthError;
use super::pickle::Pickle;
use super::value::{Global, Id, Value, View};

/// Keys under which checkpoints keep the weights, beside optimisers, schedules and settings.
const KEYS: [&str; 9] = [
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "network",
    "net",
    "encoder",
    "backbone",
    "weights",
];
/// How deep the weights may lie.
const DEPTH: usize = 3;
/// What stands before every name of a network that was trained on several cards, or compiled.
pub(super) const WRAPPERS: [&str; 2] = ["_orig_mod.", "module."];

/// The tensors of the state dict, by name.
///
/// # Errors
/// If there is none, or more than one.
pub(super) fn views<'v, 'p>(
    pickle: &'v Pickle<'p>,
) -> Result<Vec<(&'p str, &'v View<'p>)>, PthError> {
    let mut search = Search {
        pickle,
        seen: HashMap::new(),
    };
    let dict = search.weights(pickle.root(), DEPTH)?;
    let dict = dict.ok_or_else(|| nothing(pickle))?;
    let mut views = Vec::new();
    for (name, value) in entries(pickle, dict) {
        match value {
            Value::View(view) => views.push((name, view)),
            Value::Opaque(maker) if makes_tensors(*maker) => {
                return Err(PthError::Maker {
                    name: name.to_owned(),
                    maker: maker.to_string(),
                });
            }
            // Versions and extra states: no output of a network depends on them.
            _ => {}
        }
    }
    Ok(views)
}

/// Looks for dictionaries of tensors, into each once from every depth.
struct Search<'v, 'p> {
    pickle: &'v Pickle<'p>,
    seen: HashMap<(Id, usize), Option<Id>>,
}

impl<'p> Search<'_, 'p> {
    /// The dictionary of tensors at or below `id`: under one of [`KEYS`], else its own tensors, else the only one below.
    fn weights(&mut self, id: Id, depth: usize) -> Result<Option<Id>, PthError> {
        if let Some(&found) = self.seen.get(&(id, depth)) {
            return Ok(found);
        }
        let mut below = self.below(id, depth)?;
        if below.iter().any(|(name, _)| KEYS.contains(name)) {
            below.retain(|(name, _)| KEYS.contains(name));
        } else if entries(self.pickle, id).any(|(_, value)| is_tensor(value)) {
            below = vec![("", id)];
        }
        let found = only(&below)?;
        self.seen.insert((id, depth), found);
        Ok(found)
    }

    /// What is found below `id`, by name.
    fn below(&mut self, id: Id, depth: usize) -> Result<Vec<(&'p str, Id)>, PthError> {
        let (Value::Dict(items), 1..) = (self.pickle.value(id), depth) else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for &(key, value) in items {
            if let Some(name) = self.pickle.text(key) {
                let below = self.weights(value, depth - 1)?;
                found.extend(below.map(|below| (name, below)));
            }
        }
        Ok(found)
    }
}

fn only(found: &[(&str, Id)]) -> Result<Option<Id>, PthError> {
    let first = found.first().map(|&(_, id)| id);
    match found.iter().all(|&(_, id)| Some(id) == first) {
        true => Ok(first),
        false => Err(PthError::Several(named(
            found.iter().map(|&(name, _)| name),
        ))),
    }
}

/// What a dictionary has under names.
fn entries<'v, 'p>(
    pickle: &'v Pickle<'p>,
    dict: Id,
) -> impl Iterator<Item = (&'p str, &'v Value<'p>)> {
    let items = match pickle.value(dict) {
        Value::Dict(items) => &items[..],
        _ => &[],
    };
    let entry = |&(key, value): &(Id, Id)| Some((pickle.text(key)?, pickle.value(value)));
    items.iter().filter_map(entry)
}

fn is_tensor(value: &Value<'_>) -> bool {
    match value {
        Value::View(_) => true,
        Value::Opaque(maker) => makes_tensors(*maker),
        _ => false,
    }
}

/// Whether a function of PyTorch makes tensors, of a kind that is not read here.
fn makes_tensors(maker: Global<'_>) -> bool {
    maker.module.starts_with("torch.") && maker.name.starts_with("_rebuild")
}

fn nothing(pickle: &Pickle<'_>) -> PthError {
    let held = match pickle.value(pickle.root()) {
        Value::Opaque(class) => return PthError::WholeObject(class.to_string()),
        Value::View(_) => "one tensor".to_owned(),
        Value::Dict(items) => {
            let keys = items.iter().filter_map(|&(key, _)| pickle.text(key));
            format!("a dictionary of {}", named(keys).join(", "))
        }
        Value::List(_) | Value::Tuple(_) => "a list".to_owned(),
        _ => "a single value".to_owned(),
    };
    PthError::NoStateDict { held }
}

/// The first few names, and of each its beginning: they may be as many and as long as the file has room for.
fn named<'n>(names: impl Iterator<Item = &'n str>) -> Vec<String> {
    let short = |name: &str| name.chars().take(40).collect::<String>();
    names
        .take(8)
        .map(|name| format!("`{}`", short(name)))
        .collect()
}

/// Names without `wrapper`, where all have it.
pub(super) fn unwrapped<T>(tensors: BTreeMap<String, T>, wrapper: &str) -> BTreeMap<String, T> {
    match tensors.keys().all(|name| name.starts_with(wrapper)) {
        true => tensors
            .into_iter()
            .map(|(name, tensor)| (name[wrapper.len()..].to_owned(), tensor))
            .collect(),
        false => tensors,
    }
}
