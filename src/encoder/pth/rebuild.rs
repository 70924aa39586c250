//! What calls in a pickle stand for; none is made.

use tch::Kind;

use super::PthError;
use super::pickle::Pickle;
use super::value::{Global, Id, Storage, Value, View};

/// Modules through which a pickle gets at the machine.
const MACHINE: [&str; 11] = [
    "os",
    "posix",
    "nt",
    "sys",
    "subprocess",
    "runpy",
    "importlib",
    "pty",
    "shutil",
    "socket",
    "webbrowser",
];
/// What runs text as a program.
const RUNNERS: [&str; 6] = ["eval", "exec", "execfile", "compile", "open", "__import__"];

/// What `global(*arguments)` would give.
///
/// # Errors
/// If it would run something.
pub(super) fn called<'p>(
    pickle: &Pickle<'p>,
    global: Global<'p>,
    arguments: Id,
) -> Result<Value<'p>, PthError> {
    let arguments = pickle.items(arguments).unwrap_or_default();
    let value = match (global.module, global.name) {
        ("collections", "OrderedDict" | "defaultdict") => Some(ordered_dict(pickle, arguments)),
        ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => view(pickle, arguments),
        ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => {
            let data = arguments.first().map(|&data| pickle.value(data));
            data.filter(|data| matches!(data, Value::View(_))).cloned()
        }
        ("torch", "Size") => {
            let items = arguments.first().and_then(|&items| pickle.items(items));
            items.map(|items| Value::Tuple(items.to_vec()))
        }
        _ if runs(global) => return Err(PthError::runs(global)),
        _ => None,
    };
    Ok(value.unwrap_or(Value::Opaque(global)))
}

fn runs(global: Global<'_>) -> bool {
    let outer = global.module.split('.').next().unwrap_or_default();
    let builtin = matches!(outer, "builtins" | "__builtin__");
    MACHINE.contains(&outer) || builtin && RUNNERS.contains(&global.name)
}

/// Empty, or of pairs.
fn ordered_dict<'p>(pickle: &Pickle<'p>, arguments: &[Id]) -> Value<'p> {
    let items = arguments.first().and_then(|&items| pickle.items(items));
    let pair = |&item: &Id| match pickle.items(item)? {
        &[key, value] => Some((key, value)),
        _ => None,
    };
    let items = items.unwrap_or_default();
    Value::Dict(items.iter().filter_map(pair).collect())
}

/// `(storage, offset, shape, strides, …)`.
fn view<'p>(pickle: &Pickle<'p>, arguments: &[Id]) -> Option<Value<'p>> {
    let &[storage, offset, shape, strides, ..] = arguments else {
        return None;
    };
    let Value::Storage(storage) = *pickle.value(storage) else {
        return None;
    };
    Some(Value::View(View {
        storage,
        offset: pickle.int(offset)?,
        shape: numbers(pickle, shape)?,
        strides: numbers(pickle, strides)?,
    }))
}

/// The most axes a tensor has; libtorch's own bound.
const MAX_AXES: usize = 64;

fn numbers(pickle: &Pickle<'_>, id: Id) -> Option<Vec<i64>> {
    let items = pickle.items(id)?;
    let items = (items.len() <= MAX_AXES).then_some(items)?;
    items.iter().map(|&item| pickle.int(item)).collect()
}

/// `("storage", class, key, device, length)`: the device is of no concern. A file of the old format adds what part of
/// another storage it is, which nothing has used since PyTorch 0.4.
pub(super) fn storage<'p>(pickle: &Pickle<'p>, id: Id) -> Option<Value<'p>> {
    let (tag, class, key, length) = match *pickle.items(id)? {
        [tag, class, key, _, length] => (tag, class, key, length),
        [tag, class, key, _, length, part] if pickle.value(part) == &Value::Plain => {
            (tag, class, key, length)
        }
        _ => return None,
    };
    if pickle.text(tag)? != "storage" {
        return None;
    }
    let Value::Global(class) = *pickle.value(class) else {
        return None;
    };
    Some(match kind(class) {
        Some(kind) => Value::Storage(Storage {
            key: pickle.text(key)?,
            kind,
            length: pickle.int(length)?,
        }),
        None => Value::Opaque(class),
    })
}

fn kind(class: Global<'_>) -> Option<Kind> {
    let "torch" = class.module else {
        return None;
    };
    Some(match class.name {
        "FloatStorage" => Kind::Float,
        "DoubleStorage" => Kind::Double,
        "HalfStorage" => Kind::Half,
        "BFloat16Storage" => Kind::BFloat16,
        "LongStorage" => Kind::Int64,
        "IntStorage" => Kind::Int,
        "ShortStorage" => Kind::Int16,
        "CharStorage" => Kind::Int8,
        // As numbers: of a byte that is neither 0 nor 1, a boolean could be anything.
        "ByteStorage" | "BoolStorage" => Kind::Uint8,
        _ => return None,
    })
}
